"""Tables: rich panels as text, and Markdown with mean and spread over seeds."""

import pytest
from rich.console import Console

from pdenet.report import markdown_table, plain_text, problem_panel, summary_table
from pdenet.report.tables import VERDICT_STYLES


def test_the_problem_is_described(build):
    text = plain_text(problem_panel(build("line").problem))
    for words in ("line", "x in [0, 1]", "poisson on interior", "exact", "1e-03", "<1999>"):
        assert words in text
    vector = plain_text(problem_panel(build("flow").problem))
    assert "velocity (2), p" in vector


def test_a_problem_without_reference_says_so(build):
    assert "cannot be measured" in plain_text(problem_panel(build("stress").problem))


def test_the_summary_states_errors_choices_and_verdict(build):
    text = plain_text(summary_table(build("line").record))
    for words in (
        "8.00e-04 L2, 1.60e-03 max",
        "solved",
        "The error is below the target.",
        "stopped by target",
        "Solver pinn",
        "residual, training points",
    ):
        assert words in text


@pytest.mark.parametrize("verdict", VERDICT_STYLES)
def test_the_verdict_has_its_colour(build, record, verdict):
    panel = summary_table(record(build("line").problem, verdict=verdict))
    console = Console(force_terminal=True, color_system="standard", width=80, record=True)
    with console.capture() as capture:
        console.print(panel)
    code = {"solved": "32", "doubtful": "33", "failed": "31"}[verdict]
    assert f"\x1b[1;{code}m{verdict}" in capture.get()


def test_markup_in_names_is_no_markup(build, record):
    odd = record(build("line").problem, problem={"name": "[red]x[/red]"}, reasons=["[bold]why"])
    text = plain_text(summary_table(odd))
    assert "[red]x[/red]" in text
    assert "[bold]why" in text


def test_missing_numbers_are_named(build, record):
    problem = build("line").problem
    broken = record(problem, errors={"u": {"relative_l2": None, "relative_max": None}})
    assert "no number" in plain_text(summary_table(broken))
    assert "no reference" in plain_text(summary_table(record(problem, errors=None)))
    assert "| - | 1 |" in markdown_table([broken], ["worst_error"])


def test_markdown_takes_mean_and_spread_over_seeds(build, record):
    problem = build("line").problem
    records = [record(problem, seed=i, error=e) for i, e in enumerate([1e-3, 2e-3, 3e-3])]
    other = record(problem, network={"name": "mlp", "width": 8}, verdict="failed")
    table = markdown_table([*records, other], ["network.width", "worst_error", "verdict"])
    head, rule, first, second = table.splitlines()
    assert head == "| network.width | worst_error | verdict | runs |"
    assert rule == "| --- | --- | --- | --- |"
    # The sample standard deviation of 1, 2, 3 is 1.
    assert first == "| 64 | 0.002 ± 0.001 | solved | 3 |"
    assert second == "| 8 | 0.0008 | failed | 1 |"


def test_markdown_counts_words_that_differ_and_keeps_its_columns(build, record):
    problem = build("line").problem
    records = [record(problem, seed=i, verdict=v) for i, v in enumerate(["solved", "failed"] * 2)]
    records.append(record(problem, seed=9, verdict="solved"))
    assert "| solved 3/5, failed 2/5 | 5 |" in markdown_table(records, ["verdict"])
    piped = record(problem, problem={"name": "a|b"})
    assert "a\\|b" in markdown_table([piped], ["problem.name"])


def test_a_path_that_is_nowhere_is_a_dash(build):
    assert "| - | 1 |" in markdown_table([build("line").record], ["errors.nothing.relative_l2"])
