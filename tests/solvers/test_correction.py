"""Corrections: rows of the sum, their scale, and the conditions that they keep."""

import warnings
from math import pi
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from pdenet import Condition, Data, Dirichlet, Periodic, Problem, Unknown
from pdenet.geometry import Box, Interval
from pdenet.networks import MLP
from pdenet.optim import LevenbergMarquardt
from pdenet.residuals import Residuals
from pdenet.sampling import SobolSampler
from pdenet.solvers import PINN, Correction, DeepRitz, plain_residuals
from pdenet.solvers.corrected_rows import HELD, Corrected, CorrectedRows
from pdenet.tangent import Tangent

SQUARE = Box(x=(-1, 1), y=(-1, 1))


class Sum(nn.Module):
    """sin(pi x) and an error of a known size and frequency."""

    def __init__(self, size: float, waves: int) -> None:
        super().__init__()
        self.size, self.waves = nn.Parameter(torch.tensor(size)), waves

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(pi * x) + self.size * torch.sin(self.waves * pi * x)


def poisson(order: int = 2) -> Problem:
    """Derivatives of sin(pi x) of even order; zero at the ends of (-1, 1)."""
    line = Interval(x=(-1, 1))

    def equation(u: Any, x: Tensor) -> Any:
        return u.d(*["x"] * order) - (-1) ** (order // 2) * pi**order * torch.sin(pi * x)

    conditions = {
        "equation": Condition(equation, on=line.interior),
        "ends": Dirichlet(u=0, on=line.boundary),
    }
    return Problem(domain=line, fields="u", conditions=conditions)


def system() -> Problem:
    """Nonlinear, two fields, an unknown constant; soft data, hard and trained periodicity."""

    def momentum(u: Any, v: Any, k: Tensor) -> Any:
        return u.xx + u * u.x + k * v.yy, v.x - torch.sin(u)

    left, right = SQUARE.face(x=-1), SQUARE.face(x=1)
    return Problem(
        domain=SQUARE,
        fields={"u": (), "v": ()},
        conditions={
            "momentum": Condition(momentum, on=SQUARE.interior),
            "moved": Condition(lambda u, v: u - 2 * v, on=SQUARE.interior),
            "period": Periodic("u", on=left, to=right, hard=False),
            "walls": Dirichlet(u=lambda x: 1 + x, on=SQUARE.face(y=(-1, 1)), hard=False),
        },
        unknowns={"k": Unknown(start=0.7)},
    )


def corrected(problem: Problem, **more: Any) -> Correction:
    """A correction of an untrained network, itself at random."""
    correction = Correction(PINN(problem, MLP_SMALL), width=6, depth=2, seed=5, **more)
    disturb(correction)
    return correction


def MLP_SMALL(inputs: int, outputs: int) -> nn.Module:  # noqa: N802 - a factory
    return MLP(inputs, outputs, width=6, depth=2)


def disturb(correction: Correction) -> None:
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for p in correction.residuals.parameters():
            if p.requires_grad:
                p += 0.3 * torch.randn(p.shape, generator=generator)


def test_rows_are_those_of_the_sum_over_the_size_before() -> None:
    correction = corrected(system())
    rows = correction.residuals
    points = {n: c.on.sample(20, seed=1) for n, c in rows.conditions.items()}
    batches = {n: rows.batch(n, p) for n, p in points.items()}
    assert any(key.startswith(HELD) for key in batches["period"])
    whole = plain_residuals(rows)
    assert whole.unknowns["k"].item() != 0.7  # it moves with the correction
    size = correction.left_over.residual
    expected = {n: r / size for n, r in whole.in_chunks(points).items()}
    for name, found in rows(batches).items():
        # Round-off of a sum of two jets, instead of the jet of a sum.
        torch.testing.assert_close(found, expected[name], rtol=1e-11, atol=1e-11)
        torch.testing.assert_close(rows.rows(name, batches[name]), expected[name], atol=1e-11,
                                   rtol=1e-11)  # fmt: skip


def test_jacobian_is_that_of_the_correction_alone() -> None:
    rows = corrected(system()).residuals
    points = {n: c.on.sample(7, seed=1) for n, c in rows.conditions.items()}
    tangent = Tangent(rows, points)
    trained = [p for p in rows.parameters() if p.requires_grad]
    assert isinstance(rows.model, Corrected)
    assert not any(p.requires_grad for p in rows.model.before.parameters())
    assert tangent.shape[1] == sum(p.numel() for p in trained)
    assert not any(part.general for part in tangent.parts.values())  # the fast path is taken
    batches = {n: rows.batch(n, p) for n, p in points.items()}
    found = rows(batches)
    z = torch.cat([(r * rows.scale(n, points[n])).flatten() for n, r in found.items()])
    one = torch.autograd.grad(z[3], trained, retain_graph=True, materialize_grads=True)
    expected = torch.cat([g.flatten() for g in one])
    torch.testing.assert_close(tangent.dense()[3], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("waves", [4, 9])
def test_frequency_and_scale_are_those_of_the_error(order: int, waves: int) -> None:
    size = 1e-6
    before = PINN(poisson(order), Sum(size, waves), hard=False)
    found = Correction(before, width=40, depth=2).left_over
    # The residual is (m pi)^order as large as the error; 1000 random points average to a tenth.
    assert found.residual == pytest.approx(size * (waves * pi) ** order / 2**0.5, rel=0.1)
    assert found.frequency["x"] == pytest.approx(waves * pi, rel=0.1)
    # Drawn waves reach to a share of 0.4 of it, so that the derivatives of a correction of the
    # error's size are below its residual by about the order's power of that share.
    assert size < found.scale < size * 10 * 2.5**order
    half = Correction(PINN(poisson(order), Sum(size / 2, waves), hard=False), width=40, depth=2)
    assert half.left_over.scale == pytest.approx(found.scale / 2, rel=1e-3)


def test_training_begins_where_it_ended() -> None:
    before = PINN(system(), MLP_SMALL)
    x = torch.rand(9, 2)
    expected = before(x).detach()
    correction = Correction(before, width=6, depth=2)
    assert torch.equal(correction(x), expected)
    second = Correction(correction, width=6, depth=2)
    assert torch.equal(second(x), expected)
    assert isinstance(second.residuals.model, Corrected)


def shifted() -> Problem:
    """Values that are not zero on two sides, periodic between the others."""
    left, right = SQUARE.face(x=-1), SQUARE.face(x=1)
    return Problem(
        domain=SQUARE,
        fields="u",
        conditions={
            "equation": Condition(lambda u: u.xx + u.yy, on=SQUARE.interior),
            "period": Periodic("u", on=left, to=right),
            "top": Dirichlet(u=lambda x: torch.sin(pi * x), on=SQUARE.face(y=1)),
            "bottom": Dirichlet(u=2.0, on=SQUARE.face(y=-1)),
        },
    )


def test_hard_conditions_hold_for_the_sum() -> None:
    correction = corrected(shifted())
    assert list(correction.residuals.conditions) == ["equation"]
    line = torch.linspace(-1, 1, 11)
    top = correction(torch.stack([line, torch.ones(11)], -1))[:, 0]
    bottom = correction(torch.stack([line, -torch.ones(11)], -1))[:, 0]
    # Imposed by the form, up to round-off of values of order one.
    torch.testing.assert_close(top, torch.sin(pi * line), rtol=0, atol=1e-14)
    torch.testing.assert_close(bottom, torch.full((11,), 2.0), rtol=0, atol=1e-14)
    sides = [correction(torch.stack([torch.full((11,), side), line], -1)) for side in (-1.0, 1.0)]
    torch.testing.assert_close(*sides, rtol=0, atol=1e-13)
    model = correction.residuals.model
    assert isinstance(model, Corrected)
    middle = model.corrected(torch.zeros(1, 2))
    assert middle.abs() > 0  # otherwise there is nothing to vanish at the sides


class Counted(nn.Module):
    """Counts how often it is evaluated."""

    def __init__(self) -> None:
        super().__init__()
        self.network, self.times = MLP(1, 1, width=4, depth=1), 0

    def forward(self, x: Any) -> Any:
        self.times += 1
        return self.network(x)


def fit(module: Correction, steps: int) -> None:
    quiet = dict.fromkeys(
        ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice on loggers and workers
        pl.Trainer(max_steps=steps, accelerator="cpu", **quiet).fit(module)  # type: ignore[arg-type]


@pytest.mark.parametrize("steps", [1, 5])
def test_steps_do_not_evaluate_the_fixed_network(steps: int) -> None:
    counted = Counted()
    sampler = SobolSampler(points=30, boundary_points=4, every=None)
    correction = Correction(
        PINN(poisson(), counted, hard=False),
        width=4,
        depth=1,
        sampler=sampler,
        optimizer=(LevenbergMarquardt(resample_every=None),),
    )
    counted.times = 0
    fit(correction, steps)
    # For the points of two conditions, as they are drawn, and for J's.
    assert 0 < counted.times <= 6


def test_unknown_constants_go_on_from_where_they_were() -> None:
    before = PINN(system(), MLP_SMALL)
    with torch.no_grad():
        before.residuals.unknowns["k"].fill_(1.3)
    correction = Correction(before, width=4, depth=1)
    assert correction.residuals.unknowns["k"].item() == 1.3
    (step,) = correction.residuals.unknowns.parameters()
    with torch.no_grad():
        step.fill_(2.0)
    value = plain_residuals(correction.residuals).unknowns["k"].item()
    assert value == pytest.approx(1.3 + 2 * correction.left_over.residual)


def test_data_count_as_conditions() -> None:
    line = Interval(x=(0, 1))
    data = Data({"x": [0.2, 0.4]}, u=[0.0, 1.0])
    conditions = {"equation": Condition(lambda u: u.x - 1, on=line.interior), "data": data}
    problem = Problem(domain=line, fields="u", conditions=conditions)
    correction = corrected(problem)
    assert correction.left_over.residual > 0
    assert set(correction.residuals.conditions) == {"equation", "data"}


def test_what_cannot_be_corrected() -> None:
    from pdenet.problems.poisson_1d import poisson_1d

    with pytest.raises(ValueError, match="trained by residuals"):
        Correction(DeepRitz(poisson_1d()))
    with pytest.raises(ValueError, match="--precision 64"):
        Correction(PINN(poisson_1d(), dtype=torch.float32), dtype=torch.float32)


def test_plain_rows_stay_as_they_are() -> None:
    before = PINN(poisson(), MLP_SMALL)
    assert plain_residuals(before.residuals) is before.residuals
    assert not isinstance(before.residuals, CorrectedRows)
    assert isinstance(before.residuals, Residuals)
