"""Errors, indicators and verdicts of networks that are off by a known amount."""

from dataclasses import replace
from math import pi
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pdenet import Condition, Data, Dirichlet, Integral, Problem, Unknown
from pdenet.accuracy import Comparison, indicators, judge, unknown_errors
from pdenet.geometry import Box, Disk, Interval
from pdenet.metrics import FieldError
from pdenet.problems.exponential_nd import exponential_nd
from pdenet.references import Exact
from pdenet.residuals import Residuals

SQUARE = Box(x=(0, 1), y=(0, 1))


class Off(nn.Module):
    """u = sin(pi x) sin(pi y) times a factor, and a pressure that is off by a constant."""

    def __init__(self, factor: float = 1.0, constant: float = 0.0, bump: float = 0.0) -> None:
        super().__init__()
        self.factor, self.constant, self.bump = factor, constant, bump
        self.unused = nn.Parameter(torch.zeros(()))

    def forward(self, p: Tensor) -> Tensor:
        x, y = p[..., 0], p[..., 1]
        u = self.factor * torch.sin(pi * x) * torch.sin(pi * y)
        return torch.stack([u + self.bump * x * y, x + self.constant], dim=-1)


def flow(**more: Any) -> Problem:
    return Problem(
        domain=SQUARE,
        fields=("u", "p"),
        conditions={
            "equation": Condition(
                lambda u, x, y: u.xx + u.yy + 2 * pi**2 * torch.sin(pi * x) * torch.sin(pi * y),
                on=SQUARE.interior,
            ),
            "walls": Dirichlet(u=0, on=SQUARE.boundary),
            "gauge": Integral(lambda p: p, on=SQUARE.interior, equals=0.5),
            "data": Data({"x": [0.5, 0.5], "y": [0.5, 0.0]}, u=[1.0, 0.0]),
        },
        reference=Exact(u=lambda x, y: torch.sin(pi * x) * torch.sin(pi * y), p=lambda x: x),
        **more,
    )


def errors(problem: Problem, model: nn.Module) -> dict[str, FieldError]:
    comparison = Comparison.of(problem, 400)
    assert comparison is not None
    return comparison.errors(Residuals(problem, model))


def test_errors_are_relative_and_by_field() -> None:
    found = errors(flow(), Off(factor=1.25, constant=0.5))
    # Quadrature of smooth fields: round-off.
    assert found["u"].relative_l2 == pytest.approx(0.25, rel=1e-12)
    assert found["u"].relative_max == pytest.approx(0.25, rel=1e-12)
    # The norm of x is 1/sqrt(3).
    assert found["p"].relative_l2 == pytest.approx(0.5 * 3**0.5, rel=1e-12)


def test_a_field_may_be_known_up_to_a_constant() -> None:
    found = errors(flow(modulo_constant=("p",)), Off(constant=7.0))
    assert found["p"].relative_l2 < 1e-14


def test_fields_are_judged_where_they_live() -> None:
    disk = Disk(center=(0.5, 0.5), radius=0.25)

    class Wild(Off):
        def forward(self, p: Tensor) -> Tensor:
            outside = ~disk.contains(p)
            return super().forward(p) + torch.stack([1e6 * outside, 0 * outside], -1)

    assert errors(flow(regions={"u": disk}), Wild())["u"].relative_max < 1e-14
    assert errors(flow(), Wild())["u"].relative_max > 1e5


def test_single_precision_is_compared_in_double() -> None:
    found = errors(flow(), Off(factor=1.25).float())
    assert found["u"].relative_l2 == pytest.approx(0.25, rel=1e-6)


def test_without_a_reference_there_is_no_comparison() -> None:
    problem = Problem(
        domain=SQUARE, fields="u", conditions={"it": Condition(lambda u: u, on=SQUARE.interior)}
    )
    assert Comparison.of(problem) is None


def test_found_constants_have_errors_too() -> None:
    problem = Problem(
        domain=SQUARE,
        fields=("u", "p"),
        conditions={"it": Condition(lambda u, p, a, b, c: a * u + b * p + c, on=SQUARE.interior)},
        unknowns={"a": Unknown(3.0, exact=2.0), "b": Unknown(0.5, exact=0.0), "c": 1.0},
    )
    found = unknown_errors(Residuals(problem, Off()))
    assert found == {"a": FieldError(0.5, 0.5), "b": FieldError(0.5, 0.5)}


# -- indicators --------------------------------------------------------------------------------


def test_indicators_of_the_exact_solution_are_round_off() -> None:
    residuals = Residuals(flow(), Off())
    points = {n: c.on.sample(50, seed=1) for n, c in residuals.conditions.items() if n != "gauge"}
    points["gauge"] = SQUARE.quadrature(50)
    found = indicators(residuals, points)
    assert set(found["fresh"]) == {"equation", "walls", "gauge", "data"}
    assert max(*found["fresh"].values(), *found["training"].values()) < 1e-12
    assert (found["overfit"], found["boundary"]) == (1.0, found["boundary"])
    assert found["boundary"] < 1e-12


def test_indicators_of_an_error_of_known_size() -> None:
    residuals = Residuals(flow(), Off(bump=0.5), imposed=("walls",))
    points = {n: c.on.sample(4000, seed=1) for n, c in residuals.conditions.items()}
    points["gauge"] = SQUARE.quadrature(50)
    found = indicators(residuals, points)
    # x y / 2 is harmonic; on the walls it is x/2 and y/2 on one half of them: 1/sqrt(24).
    assert found["training"]["equation"] < 1e-12
    assert found["boundary"] == pytest.approx(24**-0.5, rel=0.05)  # of 4000 random points
    assert "walls" not in found["training"]
    # One measurement is off by 1/8, one by 0.
    assert found["fresh"]["data"] == pytest.approx(0.125 / 2**0.5)
    assert found["overfit"] == pytest.approx(1.0, abs=0.1)


def test_points_that_were_memorized() -> None:
    residuals = Residuals(flow(), Off(factor=1.01))
    # At the walls the equation's residual is small, inside it is not.
    x = torch.full((9,), 1e-6)
    points = SQUARE.sample(9, seed=0)
    memorized = type(points)(
        points.coordinates, torch.stack([x, points["y"]], -1), points.weight, points.density
    )
    found = indicators(residuals, {"equation": memorized})
    assert found["overfit"] > 1e3
    verdict, reasons = judge(flow(), None, found, "max-steps", 1e-3)
    assert verdict == "doubtful"
    assert "the points were fitted" in reasons[0]


def test_a_residual_without_a_value_is_infinite() -> None:
    problem = Problem(
        domain=SQUARE,
        fields=("u", "p"),
        conditions={"root": Condition(lambda u, x: torch.sqrt(x - 0.5) + u, on=SQUARE.interior)},
    )
    found = indicators(Residuals(problem, Off()), {"root": SQUARE.sample(9, seed=0)})
    assert found["fresh"]["root"] == found["training"]["root"] == float("inf")
    assert found["overfit"] == 1.0


# -- the verdict -------------------------------------------------------------------------------

GOOD = {"overfit": 1.0}


def error(u: float, p: float = 0.0) -> dict[str, FieldError]:
    return {"u": FieldError(u, u), "p": FieldError(p, p)}


@pytest.mark.parametrize(
    ("measured", "stopped_by", "target", "verdict", "said"),
    [
        (error(1e-4), "max-steps", 1e-3, "solved", "of 'u' is 1.00e-04 against a target of 1e-03"),
        (error(1e-3), "target", 1e-3, "solved", "1.00e-03"),
        (error(1e-4, 2e-3), "max-seconds", 1e-3, "failed", "of 'p' is 2.00e-03"),
        (None, "converged", 1e-3, "doubtful", "no reference"),
        ({}, "converged", 1e-3, "doubtful", "no reference"),
        (error(1e-9), "nan", 1e-3, "failed", "broke off: nan"),
        (error(1e-9), "out-of-memory", 1e-3, "failed", "out-of-memory"),
    ],
)
def test_verdicts(measured: Any, stopped_by: Any, target: float, verdict: str, said: str) -> None:
    found, reasons = judge(flow(), measured, GOOD, stopped_by, target)
    assert found == verdict
    assert said in " ".join(reasons)


@pytest.mark.parametrize(("u", "blamed"), [(1e-9, False), (1e-2, True)])
def test_fitted_points_are_no_reproach_where_the_error_is_small(u: float, blamed: bool) -> None:
    _, reasons = judge(flow(), error(u), {"overfit": 50.0}, "converged", 1e-3)
    assert ("the points were fitted" in " ".join(reasons)) == blamed


def test_a_coarse_reference_proves_nothing() -> None:
    coarse = Exact(u=lambda x: x, p=lambda x: x, tolerance=1e-2)
    problem = Problem(
        domain=SQUARE,
        fields=("u", "p"),
        conditions={"it": Condition(lambda u: u, on=SQUARE.interior)},
        reference=coarse,
    )
    verdict, reasons = judge(problem, error(1e-4), GOOD, "target", 1e-3)
    assert verdict == "doubtful"
    assert "accurate to 1e-02 only" in reasons[-1]
    assert judge(problem, error(1e-4), GOOD, "target", 5e-2)[0] == "solved"


def test_errors_in_the_core_of_a_solution_count_by_themselves() -> None:
    problem = exponential_nd(dimension=2)
    comparison = Comparison.of(problem)
    assert comparison is not None
    assert comparison.core is not None
    assert problem.core is not None
    assert problem.core.contains(comparison.core.points.x).all()

    class Zero(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unused = nn.Parameter(torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            return 0 * x[..., :1] + 0 * self.unused

    errors = comparison.errors(Residuals(problem, Zero()))
    assert list(errors) == ["u", "u in the core"]
    assert all(error.relative_l2 == pytest.approx(1.0) for error in errors.values())
    with pytest.raises(ValueError, match="core of problem"):
        replace(problem, core=Interval(x=(0, 1)))
