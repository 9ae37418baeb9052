"""All contenders get the catalogue's problems, and one stopwatch."""

import json
import time

import numpy as np
import pytest
import torch

from benchmarks.time_to_error.cases import CASES, Case
from benchmarks.time_to_error.stopwatch import Stopwatch
from benchmarks.time_to_error.suite import _read, draw, seconds_to, table
from pdenet.catalogue import find
from pdenet.networks import MLP
from pdenet.residuals import Residuals

N = 40


def network(case: Case) -> torch.nn.Module:
    torch.manual_seed(0)
    return MLP(2, len(case.fields), width=8, depth=2)


def derivatives(case: Case, model: torch.nn.Module, x: torch.Tensor):
    """Partials of an arbitrary network, by nested reverse mode."""
    x = x.requires_grad_()
    values = model(x)

    def d(name: str, axes: str = "") -> torch.Tensor:
        found = values[:, case.fields.index(name)]
        for axis in axes:
            gradient = torch.autograd.grad(found.sum(), x, create_graph=True)[0]
            found = gradient[:, case.coordinates.index(axis)]
        return found

    return d


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_equations_are_those_of_the_catalogue(case):
    problem, model = find(case.problem).build(), network(case)
    assert problem.coordinates == case.coordinates
    assert tuple(problem.fields) == case.fields
    points = problem.domain.interior.sample(N, seed=0)
    inside = {n: points for n, c in problem.conditions.items() if c.on == problem.domain.interior}
    wanted = Residuals(problem, model).in_chunks(inside)
    x = points.x.clone()
    found = case.equations(torch, x[:, 0], x[:, 1], derivatives(case, model, x))
    rows = torch.cat([r.reshape(N, -1) for r in wanted.values()], 1)
    # Round-off of the two ways to differentiate; helmholtz has a source of 700.
    torch.testing.assert_close(torch.stack(found, 1), rows, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_start_walls_and_periods_are_those_of_the_reference(case):
    problem = find(case.problem).build()
    generator = np.random.default_rng(0)

    def reference(x: np.ndarray) -> dict[str, torch.Tensor]:
        columns = torch.from_numpy(x)
        return problem.reference(**{n: columns[:, k] for k, n in enumerate(case.coordinates)})

    def drawn() -> np.ndarray:
        return generator.uniform(case.low, case.high, (N, 2))

    for k in range(2):
        if case.coordinates[k] == "t":
            continue
        for end in (case.low[k], case.high[k]):
            x = drawn()
            x[:, k] = end
            for name, value in case.walls.items():
                error = reference(x)[name].numpy() - value(np, x[:, 0], x[:, 1])
                assert np.abs(error).max() < 1e-12, name  # formulas: round-off only
        if k in case.periods:
            one, other = (np.where(np.arange(2) == k, end[k], x) for end in (case.low, case.high))
            gap = reference(one)["u"] - reference(other)["u"]
            assert gap.abs().max() < 1e-9  # as far as the reference's series repeats
    if case.start is not None:
        x = drawn()
        x[:, 1] = 0.0
        error = reference(x)["u"].numpy() - case.start(np, x[:, 0], x[:, 1])
        # Allen-Cahn's reference is a series of a function with a kink.
        assert np.abs(error).max() < (1e-3 if case.problem == "allen-cahn" else 1e-9)


def stopwatch(tmp_path, target=1e-3, cap=10.0) -> Stopwatch:
    return Stopwatch(find("poisson-2d").build(), target, cap, tmp_path / "looks.jsonl")


def wrong_by(share: float):
    def predict(x: np.ndarray) -> np.ndarray:
        exact = np.sin(np.pi * x[:, :1]) * np.sin(np.pi * x[:, 1:])
        return (1 + share) * exact

    return predict


def test_the_stopwatch_sees_the_relative_error_and_ends_at_the_target(tmp_path):
    watch = stopwatch(tmp_path)
    assert not watch.look(wrong_by(0.5), always=True)
    assert watch.look(wrong_by(5e-4), always=True)
    row = _read(watch.path, None)
    # The error is proportional to the solution, so that the quadrature does not matter.
    assert row["error"] == pytest.approx([0.5, 5e-4], rel=1e-9)
    assert row["ended"] == "reached 0.001"


def test_looking_is_no_training(tmp_path):
    watch = stopwatch(tmp_path)

    def slowly(x: np.ndarray) -> np.ndarray:
        busy = time.process_time()
        while time.process_time() < busy + 0.2:
            pass
        return wrong_by(1.0)(x)

    watch.look(slowly, always=True)
    assert watch.cpu < 0.1 < 0.2  # half of what the look itself took
    assert not watch.look(wrong_by(0.0))  # not due yet: nothing is measured
    assert len(_read(watch.path, None)["error"]) == 1


def test_the_stopwatch_ends_at_its_cap_and_where_values_are_not_finite(tmp_path):
    watch = stopwatch(tmp_path, cap=1e-6)
    assert watch.look(wrong_by(1.0))
    assert "over" in str(watch.ended)
    other = stopwatch(tmp_path)
    assert other.look(lambda x: np.full((len(x), 1), np.nan), always=True)
    assert other.ended == "its answer is not finite"


def test_a_row_says_why_a_contender_broke_off(tmp_path):
    path = tmp_path / "looks.jsonl"
    path.write_text(json.dumps({"cpu": 1.0, "wall": 1.0, "error": 0.1}) + '\n{"cpu": 2')
    assert _read(path, "broke off: ValueError")["ended"] == "broke off: ValueError"
    assert _read(path, None)["error"] == [0.1]
    assert _read(tmp_path / "nothing", None)["ended"] == "broke off"


def test_the_table_has_a_block_a_problem_and_a_dash_where_a_level_was_missed(tmp_path):
    row = {
        "problem": "burgers", "contender": "PINA", "seed": 0, "cap": 10, "settings": "64 x 64",
        "ended": "over", "cpu": [1, 3], "wall": [1, 3], "error": [0.1, 5e-3],
    }  # fmt: skip
    empty = {**row, "problem": "wave-1d", "cpu": [], "wall": [], "error": []}
    text = table({"rows": [row, empty], "options": {}})
    assert "| PINA | 0 | 3 (3) | - | - | - | 5.0e-03 | 10 | over | 64 x 64 |" in text
    assert "| PINA | 0 | - | - | - | - | none | 10 | over | 64 x 64 |" in text
    ours = {**row, "contender": "pdenet, auto", "cpu": [0.1], "wall": [0.1], "error": [1e-5]}
    late = {**row, "contender": "DeepXDE", "cpu": [3, 8], "wall": [3, 8], "error": [1, 1e-5]}
    text = table({"rows": [ours, row, late, {**late, "seed": 1}, {**row, "seed": 1}]})
    # To 1e-4: 8 over 0.1 seconds; never within 10.
    assert "| burgers | 0.1 |  |  | 80 |  | > 100 |  |" in text
    draw([row, empty], tmp_path / "figure.png")
    assert (tmp_path / "figure.png").exists()
    assert seconds_to(row, 0.1) == 1
