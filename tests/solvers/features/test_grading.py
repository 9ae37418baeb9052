"""Patches that are narrow where a solution bends, and points among them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import pdenet
from pdenet import Condition, Dirichlet, Initial, Periodic, Problem
from pdenet.accuracy import Comparison
from pdenet.catalogue import find
from pdenet.geometry import Box
from pdenet.networks import MLP
from pdenet.networks.initializers import PartitionOfUnity
from pdenet.problems.allen_cahn import allen_cahn
from pdenet.problems.burgers import burgers
from pdenet.sampling import SobolSampler
from pdenet.solvers import LeastSquares
from pdenet.solvers.features.grading import conditions_at_ends, graded_edges, moved

PROBLEM = burgers()


def front(width: float, middle: float = 0.3) -> Any:
    def values(x: Tensor) -> Tensor:
        return torch.tanh((x[:, :1] - middle) / width)

    return values


@pytest.mark.parametrize("width", [0.1, 0.01])
def test_edges_crowd_where_the_curvature_is(width: float) -> None:
    edges = np.array(graded_edges(front(width), PROBLEM, 40)[0])
    assert len(edges) == 41
    assert edges[0] == -1
    assert edges[-1] == 1
    widths = np.diff(edges)
    assert (widths > 0).all()
    assert widths.max() <= 2 * 2 / 40 * (1 + 1e-9)  # half of the patches are even
    there = widths[np.abs((edges[1:] + edges[:-1]) / 2 - 0.3) < 2 * width]
    assert there.max() < 0.6 * widths.max()
    # Half of forty share the front and its margin, about four widths and a hundredth on each side.
    assert len(there) > 12


def test_edges_of_a_constant_are_even() -> None:
    edges = graded_edges(lambda x: 1 + 0 * x[:, :1], PROBLEM, 8)[0]
    np.testing.assert_allclose(np.diff(edges), 0.25, atol=1e-12)


def test_a_kink_where_the_interval_closes_counts() -> None:
    def parabola(x: Tensor) -> Tensor:  # its slope jumps from 2 to -2 at the ends
        return x[:, :1] ** 2

    ring, open_ended = allen_cahn(), PROBLEM
    closed, even = (np.diff(graded_edges(parabola, p, 20)[0]) for p in (ring, open_ended))
    np.testing.assert_allclose(even, 0.1, rtol=0.02)  # a parabola's curvature is the same all over
    assert closed[0] < 0.3 * closed[10]
    assert closed[-1] < 0.3 * closed[10]


def test_a_moving_front_is_seen_at_all_times() -> None:
    def values(x: Tensor) -> Tensor:
        return torch.tanh((x[:, :1] - x[:, 1:]) / 0.01)  # from x = 0 to x = 1

    def centres(**options: Any) -> np.ndarray:
        edges = np.array(graded_edges(values, PROBLEM, 60, **options)[0])
        middles = (edges[1:] + edges[:-1]) / 2
        return middles[np.diff(edges) < 0.7 * np.diff(edges).max()]

    assert np.ptp(centres(start_only=True)) < 0.2
    assert np.ptp(centres()) > 0.9


def test_moved_points_keep_their_weights_sum_and_stay_inside() -> None:
    edges = graded_edges(front(0.01), PROBLEM, 10)
    n = 20_000
    drawn = PROBLEM.domain.sample(n, seed=0, method="sobol")
    points = moved(drawn, PROBLEM, edges)
    for column, name in enumerate(points.coordinates):
        low, high = PROBLEM.domain.bounds[name]
        assert float(points.x[:, column].min()) >= low
        assert float(points.x[:, column].max()) <= high
    # Quadrature with the moved points: errors like those of n even ones.
    exact = 2 * (1 - np.cos(1.0))
    found = float((points.weight * torch.sin(points["t"]) * (1 + points["x"])).sum())
    assert found == pytest.approx(exact, rel=2e-3)
    torch.testing.assert_close(points.weight * points.density, drawn.weight * drawn.density)
    # As many in each patch.
    counts, _ = np.histogram(points["x"].numpy(), bins=np.array(edges[0]))
    assert counts.min() > 0.98 * n / 10
    assert counts.max() < 1.02 * n / 10
    ends = PROBLEM.domain.boundary.sample(50, seed=0)
    assert set(moved(ends, PROBLEM, edges)["x"].tolist()) == {-1.0, 1.0}


def test_ends_get_as_many_points_as_one_patch_has_at_the_start() -> None:
    start, ends = "start", "ends"
    one = LeastSquares(PROBLEM, patches=8).points
    assert len(one[ends]) == pytest.approx(len(one[start]) / 8, abs=1)
    # Features of the whole domain meet both alike, and numbers that were asked for are kept.
    whole = LeastSquares(PROBLEM).points
    assert len(whole[ends]) == len(whole[start])
    sampler = SobolSampler(points=600, boundary_points=80, counts={ends: 70}, every=None)
    told = LeastSquares(PROBLEM, patches=8, sampler=sampler).points
    assert (len(told[start]), len(told[ends])) == (80, 70)


def test_conditions_at_ends_are_of_an_interval_in_time() -> None:
    assert conditions_at_ends(PROBLEM) == ["ends"]
    assert conditions_at_ends(allen_cahn()) == ["period"]
    assert conditions_at_ends(find("poisson-2d").build()) == []
    assert conditions_at_ends(find("heat-disk").build()) == []


def short_burgers() -> Problem:
    return burgers().at_time(0.0, 0.05)


def test_patches_solve_a_window_of_burgers() -> None:
    solver = LeastSquares(short_burgers(), patches=8, refine=False)
    solver.search.run()
    (result,) = solver.search.results
    assert result.converged
    assert result.columns == 8 * 120
    error = Comparison.of(short_burgers()).errors(solver.search.residuals)
    assert error["u"].relative_l2 < 1e-6  # 1e-7 as measured


def test_refinement_doubles_patches_and_moves_them() -> None:
    solver = LeastSquares(short_burgers(), patches=2, seconds=6.0)
    solver.search.run()
    first, second, *_ = solver.search.results
    assert (first.trial.patches, second.trial.patches) == (2, 4)
    assert len(second.trial.edges[0]) == 5
    assert second.residual < first.residual
    state = solver.search.state()
    other = LeastSquares(short_burgers(), patches=2, seconds=6.0)
    other.search.load_state(state)
    assert other.search.shown == solver.search.shown


def test_what_patches_need() -> None:
    problem = burgers()
    with pytest.raises(ValueError, match="patches=0 must be a whole number"):
        LeastSquares(problem, patches=0)
    with pytest.raises(ValueError, match="both say what the network"):
        LeastSquares(problem, patches=8, initializer=PartitionOfUnity(patches=2))
    with pytest.raises(ValueError, match="share random features"):
        LeastSquares(problem, MLP, patches=8)


def ring() -> Problem:
    """u_t + u u_x = 0.05 u_xx on a ring."""
    domain = Box(x=(0, 2), t=(0, 0.2))

    def momentum(u: Any) -> Any:
        return u.t + u * u.x - 0.05 * u.xx

    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "momentum": Condition(momentum, on=domain.interior),
            "start": Initial(u=lambda x: torch.sin(torch.pi * x), on=domain.initial, hard=False),
            "ring": Periodic("u", on=domain.face(x=0), to=domain.face(x=2)),
        },
    )


def test_windows_of_patches_run_end_to_end(tmp_path: Any) -> None:
    solver = {"name": "least-squares", "patches": 8, "refine": False}
    solution = pdenet.solve(ring(), solver, windows=2, out=tmp_path / "run")
    indicators = solution.record.indicators
    assert indicators["overfit"] < 10
    x = torch.linspace(0, 2, 41, dtype=torch.float64)
    ends = solution(x=x[[0, -1]], t=0.15)["u"]
    assert float((ends[0] - ends[1]).abs()) < 1e-5
    # The integral over a ring is conserved.
    mean = solution(x=x[:-1], t=0.2)["u"].mean()
    assert float(mean.abs()) < 1e-5
    again = pdenet.load(tmp_path / "run", ring())
    assert torch.equal(again(x=x, t=0.1)["u"], solution(x=x, t=0.1)["u"])


def test_ends_given_by_values_too() -> None:
    domain = Box(x=(0, 1), t=(0, 0.1))

    def exact(x: Any, t: Any) -> Any:
        return torch.exp(-t) * torch.sin(2 * x)

    problem = Problem(
        domain=domain,
        fields="u",
        conditions={
            "decay": Condition(lambda u: u.t + u**3 - 0.25 * u.xx - u**3, on=domain.interior),
            "start": Initial(u=lambda x: torch.sin(2 * x), on=domain.initial),
            "ends": Dirichlet(u=exact, on=domain.boundary),
        },
    )
    solver = LeastSquares(problem, patches=8, refine=False)
    solver.search.run()
    x = domain.sample(200, seed=3).x
    with torch.no_grad():
        found = solver.search.residuals.model(x)[:, 0]
    assert float((found - exact(x[:, 0], x[:, 1])).abs().max()) < 1e-7


def test_windows_that_are_cut_short_are_named() -> None:
    solver = {"name": "least-squares", "patches": 8}
    # A front that steepens takes several steps in each.
    record = pdenet.solve(burgers(nu=0.02), solver, windows=2, max_steps=2).record
    assert any(reason.startswith("2 of 2 windows ended before") for reason in record.reasons)


def test_windows_do_not_stop_at_the_target_of_the_whole() -> None:
    problem = burgers(nu=0.1).at_time(0.0, 0.2)
    solver = {"name": "least-squares", "patches": 8, "refine": False}
    solution = pdenet.solve(problem, solver, windows=2, target_error=1e-2)
    assert {fit["stopped_by"] for fit in solution.record.fits} == {"converged"}
    assert solution.record.worst_error is not None
    assert solution.record.worst_error < 1e-6
