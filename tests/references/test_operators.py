"""References that solve for any input function, against closed forms and other solvers."""

from dataclasses import replace
from math import pi

import numpy as np
import pytest
import torch

from pdenet.functions import RBF, ChebyshevSeries, Formulas, Functions, WaveField
from pdenet.geometry import Interval
from pdenet.references import (
    DarcyOperator,
    ExactOperator,
    OdeOperator,
    PeriodicOperator,
    ReactionDiffusionOperator,
    elliptic_reference,
    spectral_reference,
)

LINE = Interval(x=(0, 1))
GENERATOR = torch.Generator().manual_seed(0)


def points(n: int, d: int) -> torch.Tensor:
    return torch.rand(n, d, generator=GENERATOR, dtype=torch.float64)


def of(*functions, names=("x",)) -> dict[str, Functions]:
    return {"v": Formulas(functions, names)}


def test_moved_functions() -> None:
    moved = ExactOperator(("v",), ("x", "t"), u=lambda v, x, t: v(x=x - t))
    x = points(7, 2)
    found = moved.solutions(of(lambda x: torch.sin(x), lambda x: torch.cos(x)), x)["u"]
    torch.testing.assert_close(found[1], torch.cos(x[:, 0] - x[:, 1]))
    one = moved.at(of(lambda x: torch.sin(x)))
    torch.testing.assert_close(one(x=x[:, 0], t=x[:, 1])["u"], found[0])


def test_runge_kutta_is_of_order_four() -> None:
    # u = sin 3x solves u' = v - u^3.
    inputs = of(lambda x: 3 * torch.cos(3 * x) + torch.sin(3 * x) ** 3)
    x = points(50, 1)
    exact = torch.sin(3 * x[:, 0])
    errors = []
    for steps in (32, 64, 128):
        solver = OdeOperator(lambda u, v: v - u**3, steps=steps)
        errors.append(float((solver.solutions(inputs, x)["u"][0] - exact).abs().max()))
    slopes = np.diff(np.log2(errors))
    assert (slopes < -3.8).all()


def test_heat_with_a_source_that_is_an_eigenfunction() -> None:
    solver = ReactionDiffusionOperator(0.2, modes=32, steps=2)
    x = points(60, 2)
    found = solver.solutions(of(lambda x: torch.sin(pi * x)), x)["u"][0]
    rate = 0.2 * pi**2
    exact = (1 - torch.exp(-rate * x[:, 1])) / rate * torch.sin(pi * x[:, 0])
    # Interpolation between snapshots in time is what is left.
    assert (found - exact).abs().max() < 1e-7


def test_reaction_converges_in_time() -> None:
    solver = ReactionDiffusionOperator(0.05, lambda u: 3 * u**2 - u**3, t_final=8.0, modes=24)
    inputs, x = of(lambda x: 5 * torch.sin(pi * x) + x), points(40, 2) * torch.tensor([1.0, 8.0])
    finest = replace(solver, modes=48, steps=16).solutions(inputs, x)["u"]
    coarse, fine = (replace(solver, steps=s).solutions(inputs, x)["u"] for s in (1, 2))
    gaps = [float((u - finest).abs().max()) for u in (coarse, fine)]
    assert gaps[1] < gaps[0] / 8  # of order four


def test_burgers_is_that_of_the_other_spectral_solver() -> None:
    space = WaveField(LINE, RBF(0.3), waves=4, deviation=0.3)
    draw = space.draw(1, seed=0)
    alone = spectral_reference(
        symbol=lambda k: -0.02 * k**2,
        flux=lambda u: u**2,
        factor=lambda k: -0.5j * k,
        start=lambda x: draw(torch.as_tensor(x)[:, None])[:, 0].numpy(),
        interval=(0.0, 1.0),
        t_final=0.5,
        modes=128,
        step=1e-3,
        tolerance=1e-8,
    )
    many = PeriodicOperator(
        lambda k: -0.02 * k**2, lambda u: u**2, lambda k: -0.5j * k, t_final=0.5, modes=96
    )
    x = points(50, 2) * torch.tensor([1.0, 0.5])
    found = many.solutions({"v": draw}, x)["u"][0]
    exact = alone(x=x[:, 0], t=x[:, 1])["u"]
    assert (found - exact).abs().max() < 1e-6 * exact.abs().max()


def test_darcy_is_that_of_the_other_finite_elements() -> None:
    corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
    alone = elliptic_reference(
        corners, source=1.0, diffusion=lambda x, y: np.exp(np.sin(3 * x) * y), tolerance=3e-4
    )
    x = points(60, 2)
    exact = alone(x=x[:, 0], y=x[:, 1])["u"]
    inputs = of(lambda x, y: torch.exp(torch.sin(3 * x) * y), names=("x", "y"))
    errors = []
    for cells in (4, 8):
        found = DarcyOperator(cells=cells).solutions(inputs, x)["u"][0]
        errors.append(float((found - exact).norm() / exact.norm()))
    assert errors[1] < 2e-3
    assert errors[1] < errors[0] / 3


def test_solutions_are_solved_for_once(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PDENET_CACHE", str(tmp_path))
    told = []
    solver = OdeOperator(lambda u, v: v - u, steps=20)
    draws = ChebyshevSeries(LINE, 3).draw(60, seed=0)
    first = solver.solutions({"v": draws}, points(3, 1), lambda done, total: told.append(done))
    assert told == [0, 50, 60]
    told.clear()
    other = replace(solver)
    again = other.solutions({"v": draws}, points(3, 1), lambda done, total: told.append(done))
    assert not told
    assert first["u"].shape == again["u"].shape == (60, 3)
    changed = replace(solver, rate=lambda u, v: v - 2 * u)
    changed.solutions({"v": draws}, points(3, 1), lambda done, total: told.append(done))
    assert told


def test_bad_input_is_refused() -> None:
    solver = OdeOperator(lambda u, v: v)
    with pytest.raises(ValueError, match="solves for the input functions"):
        solver.solutions({}, points(2, 1))
    with pytest.raises(ValueError, match="depends on the input functions"):
        solver(x=torch.zeros(2))
    with pytest.raises(ValueError, match="covers 0 to 1"):
        solver.solutions(of(lambda x: torch.sin(x)), torch.tensor([[2.0]]))
    inputs = of(lambda x, y: x - 0.5 + 0 * y, names=("x", "y"))
    with pytest.raises(ValueError, match="must be positive"):
        DarcyOperator(cells=2).solutions(inputs, points(2, 2))
    with pytest.raises(ValueError, match="not finite"), np.errstate(all="ignore"):
        OdeOperator(lambda u, v: u**2 + 50 + v, steps=50).solutions(
            of(lambda x: torch.sin(x)), points(2, 1)
        )
    with pytest.raises(ValueError, match="no field"):
        ExactOperator(("v",), ("x",))
