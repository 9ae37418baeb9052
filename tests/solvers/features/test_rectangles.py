"""Patches of a rectangle: cut where the residual is left, compared among themselves, resumed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Problem
from pdenet.accuracy import Comparison
from pdenet.geometry import Box, Disk
from pdenet.jets import laplacian
from pdenet.linear_fit import coefficients, continuity, pieces
from pdenet.linear_fit.rows import ScaledRows
from pdenet.problems.burgers import burgers
from pdenet.problems.lid_driven_cavity import lid_driven_cavity
from pdenet.references import Exact
from pdenet.solvers import LeastSquares
from pdenet.solvers.features import Result, Trial, best_of, next_trial
from pdenet.solvers.features.defaults import LOCAL
from pdenet.solvers.features.grading import finer_edges, is_evolution, is_rectangle, moved
from pdenet.solvers.features.trials import rectangular

EVEN = (-1.0, -0.5, 0.0, 0.5, 1.0)
SQUARE = Box(x=(0, 1), y=(0, 2))


def corner() -> Problem:
    """The harmonic function r^(1/2) cos(theta / 2): its gradient is infinite in one corner."""

    def exact(x: Any, y: Any) -> Any:
        return ((x**2 + y**2).sqrt() / 2 + x / 2).clamp(min=1e-300).sqrt()

    return Problem(
        domain=SQUARE,
        fields="u",
        conditions={
            "laplace": Condition(lambda u: laplacian(u), on=SQUARE.interior),
            "boundary": Dirichlet(u=exact, on=SQUARE.boundary),
        },
        reference=Exact(u=exact),
    )


def error(problem: Problem, solver: LeastSquares) -> float:
    found = Comparison.of(problem).errors(solver.search.residuals)
    return max(e.relative_l2 for e in found.values())


def test_rows_of_patches_are_cut_where_most_is_left() -> None:
    left = torch.zeros(4, 4)
    left[0, 3], left[2, 3] = 1.0, 0.5
    x, y = finer_edges((EVEN, EVEN), left.flatten())
    # Near the side in the first row and the last, in the middle of an inner one.
    assert x == (-1.0, -1 + 0.15 * 0.5, -0.5, 0.0, 0.25, 0.5, 1.0)
    assert y == pytest.approx((-1.0, -0.5, 0.0, 0.5, 1 - 0.15 * 0.5, 1.0))
    # What is left elsewhere does not matter, as long as it is small beside the worst row.
    left[1, 0] = 0.2 * float(left.sum(0).max())
    assert finer_edges((EVEN, EVEN), left.flatten()) == (x, y)


def test_few_patches_are_all_cut() -> None:
    solver = LeastSquares(corner(), patches=2, seconds=4.0)
    solver.search.run()
    counts = [[len(along) - 1 for along in r.trial.edges] for r in solver.search.results]
    assert counts[:2] == [[2, 2], [4, 4]]


def test_what_is_left_is_told_by_patches() -> None:
    problem = corner()
    search = LeastSquares(problem, patches=3).search
    residuals, points = search.residuals, search.points
    joints = continuity(problem, residuals.model, 5)
    with torch.no_grad():
        for p in coefficients(residuals):
            p.fill_(0.01)
    rows = ScaledRows([(residuals, points), *joints], coefficients(residuals))
    blocks = list(rows.blocks())
    expected = torch.zeros(9)
    for block in blocks:
        touched = block.patterns[block.pattern]
        expected += block.b.square() @ touched.to(block.b.dtype)
    found = rows.left_in_patches()
    assert found is not None
    # Patches in their own order, blocks in that of elimination; here they are the same up to it.
    torch.testing.assert_close(found.sort().values, expected[:9].sort().values)
    assert float(found.sum()) > rows.norm() ** 2  # rows between patches count in both


def test_points_on_several_faces_keep_their_weight() -> None:
    problem = corner()
    ends = problem.domain.boundary.sample(400, seed=0)
    there = moved(ends, problem, ((-1.0, -0.8, 1.0), EVEN))
    on_face = (there["x"] == 0) | (there["x"] == 1) | (there["y"] == 0) | (there["y"] == 2)
    assert bool(on_face.all())
    # Lengths of all faces, by the moved points: errors like those of so many random ones.
    assert float(there.weight.sum()) == pytest.approx(6.0, rel=0.1)


def test_patches_see_a_singular_corner() -> None:
    problem = corner()
    solver = LeastSquares(problem, seconds=4.0)
    solver.search.run()
    results = solver.search.results
    whole = [r for r in results if r.trial.axes == 1]
    assert len(whole) == 2
    last = results[-1].trial
    assert last.axes == 2
    x, y = last.edges
    assert x[1] + 1 < 0.1  # the corner's patches are the smallest
    assert y[1] + 1 < 0.1
    assert x[-1] - x[-2] > 0.1
    # Two cuts leave 1e-5, as the smallest patches are a hundredth of the first ones.
    assert error(problem, solver) < 1e-4


def test_the_search_goes_on_where_it_was() -> None:
    problem = corner()
    solver = LeastSquares(problem, patches=3, seconds=3.0)
    solver.search.run()
    assert len(solver.search.results) > 1
    other = LeastSquares(problem, patches=3, seconds=3.0)
    other.search.load_state(solver.search.state())
    assert other.search.shown == solver.search.shown
    x = SQUARE.sample(20, seed=3).x
    other.search.residuals.model.load_state_dict(solver.search.residuals.model.state_dict())
    torch.testing.assert_close(other.search.residuals.model(x), solver.search.residuals.model(x))


@pytest.mark.slow
def test_the_cavity_comes_below_what_training_leaves() -> None:
    problem = lid_driven_cavity()
    solver = LeastSquares(problem, seconds=25.0)
    solver.search.run()
    errors = Comparison.of(problem).errors(solver.search.residuals)
    # Trained for eight minutes all come to 1e-3 to 5e-3. Velocities of 6 by 5 patches: 2e-4.
    assert max(errors[name].relative_l2 for name in "uv") < 5e-4
    assert errors["p"].relative_l2 < 8e-3  # 5e-3; its logarithms in the corners come last


def test_which_problems_are_cut() -> None:
    assert is_rectangle(corner())
    assert not is_rectangle(burgers())
    assert is_evolution(burgers())
    disk = Disk(center=(0, 0), radius=1)
    round_one = Problem(
        domain=disk,
        fields="u",
        conditions={"laplace": Condition(lambda u: laplacian(u), on=disk.interior)},
    )
    assert not is_rectangle(round_one)


def result(trial: Trial, residual: float) -> Result:
    return Result(
        trial=trial,
        columns=trial.width,
        rank=trial.width,
        numerical_rank=trial.width,
        rows=5 * trial.width,
        condition=1.0,
        residual=residual,
        steps=1,
        reason="done",
        converged=True,
    )


def turn(*results: Result, seconds: float = 1e3) -> Any:
    return next_trial(results, 2, True, seconds, 10**6, LOCAL[2])


def test_patches_follow_features_that_converge_slowly() -> None:
    first = result(Trial(200), 0.9)
    assert turn(first) == Trial(400)
    # As many waves are seen at last; a peak is not.
    assert turn(first, result(Trial(400), 0.1)) == Trial(800)
    peak = result(Trial(400), 0.8)
    assert turn(first, peak) == LOCAL[2]
    assert turn(first, peak, seconds=0.3).axes == 1
    # Residuals of patches are not compared with others: their rows are scaled otherwise.
    patches = result(rectangular(Trial(960, 1.0, 4, 2, (EVEN, EVEN)), (EVEN, EVEN)), 2.0)
    assert best_of([first, peak, patches]) is patches
    finer = turn(first, peak, patches)
    assert (finer.patches, finer.width) == (6, 60 * 36)
    done = [result(Trial(960 * n * n, 1.0, 4 * n, 2, (EVEN, EVEN)), 0.5) for n in (1, 2, 3)]
    assert turn(first, peak, *done)[0] == "no-progress"


def values(solver: LeastSquares, x: Tensor) -> Tensor:
    with torch.no_grad():
        return solver.search.residuals.model(x)


def test_few_patches_make_a_dense_problem_of_the_same_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem = corner()
    x = SQUARE.sample(50, seed=3).x
    found = []
    for fewest in (pieces.FEWEST, 1000):
        monkeypatch.setattr(pieces, "FEWEST", fewest)
        solver = LeastSquares(problem, patches=3, refine=False)
        solver.search.run()
        found.append(values(solver, x))
    # The same minimum, by columns of condition 1e15: half of the digits of its residual, 2e-2.
    torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=0)
