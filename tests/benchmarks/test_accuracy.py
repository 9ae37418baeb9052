"""Goals have settings that exist, and a row says what came of them."""

import pytest
import torch

from benchmarks.accuracy.settings import GOALS, Goal
from benchmarks.accuracy.suite import network_of, solved, table
from pdenet.catalogue import find
from pdenet.run import solve
from pdenet.selection import Part

TINY = {"solver": "pinn", "network": {"name": "mlp", "width": 4, "depth": 1}}


@pytest.mark.parametrize("goal", GOALS.values(), ids=GOALS)
def test_settings_are_parts_that_exist(goal):
    for parameters in (*goal.before, goal.parameters):
        find(goal.problem).build(**parameters)
    for kind in {"solver", "network", "sampler", "optimizer", "balance"} & set(goal.options):
        Part.parse(kind, goal.options[kind])


def test_references_are_ten_times_better_than_the_goals():
    wrong = []
    for goal in GOALS.values():
        reference = find(goal.problem).build(**goal.parameters).reference
        if getattr(reference, "tolerance", 0.0) > goal.error / 10:
            wrong.append(goal.name)
    assert wrong == []


def test_a_later_problem_starts_from_the_network_of_the_one_before():
    first = solve("burgers", **TINY, parameters={"nu": 0.1}, max_steps=1)
    network = network_of(first)
    kept = [p.detach().clone() for p in network.parameters()]
    second = solve("burgers", "pinn", network, "uniform", "adam", max_steps=1,
                   parameters={"nu": 0.05})  # fmt: skip
    now = list(network_of(second).parameters())
    # One step of Adam moves each parameter by its rate, 1e-3, at most.
    for before, after in zip(kept, now, strict=True):
        torch.testing.assert_close(after.detach(), before, rtol=0, atol=1.01e-3)


def test_a_goal_with_problems_before_it_is_solved(monkeypatch):
    goal = Goal("burgers", 1e-9, options=TINY, parameters={"nu": 0.05}, before=({"nu": 0.1},))
    monkeypatch.setitem(GOALS, goal.name, goal)
    row = solved(goal.name, 0, 100.0, 2)
    assert row["stopped_by"] == "max-steps"
    assert row["settings"] == "pinn, mlp (width 4, depth 1), after nu 0.1"
    assert 0 < row["error"] < float("inf")
    assert row["peak_mib"] > 0


def test_the_table_counts_seeds_at_the_goal_and_says_what_broke_off():
    row = {"goal": "burgers", "wanted": 1e-3, "published": "none", "seed": 0, "error": 1e-4,
           "reference": 1e-13, "cpu_seconds": 10.0, "parameters": 100, "peak_mib": 500.0,
           "settings": "pinn"}  # fmt: skip
    rows = [row, {**row, "seed": 1, "error": 3.1e-3},
            {"goal": "wave-1d", "wanted": 1e-3, "published": "none", "seed": 0, "error": None,
             "stopped_by": "RuntimeError: no"}]  # fmt: skip
    text = table({"rows": rows, "options": {"minutes": 1.0}})
    assert "| burgers | 1e-03 | none | 1.6e-03 (1e-04 to 3e-03) | 1 of 2 | 10 | 100 |" in text
    assert "| wave-1d | 1e-03 | none | RuntimeError: no |" in text
