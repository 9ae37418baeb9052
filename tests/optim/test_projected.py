"""Variable projection: what is linear is solved for, what is not moves by Kaufman's steps."""

import copy
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pdenet.optim import (
    DampedGaussNewton,
    LevenbergMarquardt,
    ProjectedGaussNewton,
    ResidualFunction,
    VariableProjection,
)

TIMES = torch.linspace(0, 1, 30, dtype=torch.float64)


class Exponentials:
    """A sum of exponentials, fitted to another one: linear in factors, not in rates."""

    def __init__(self, rates: list[float], factors: list[float]) -> None:
        self.rates, self.factors = (nn.Parameter(torch.tensor(v)) for v in (rates, factors))
        self.wanted = 2 * torch.exp(-TIMES) - 3 * torch.exp(-4 * TIMES)

    def __call__(self) -> Tensor:
        return self.features() @ self.factors - self.wanted

    def features(self) -> Tensor:
        return torch.exp(-TIMES[:, None] * self.rates)

    @property
    def parameters(self) -> list[nn.Parameter]:
        return [self.rates, self.factors]


def minimized(optimizer: Any, linearize: Callable[[], Any], most: int = 200) -> int:
    for k in range(most):
        optimizer.step(linearize=linearize)
        if optimizer.stop_reason is not None:
            return k
    return most


def test_linear_parameters_are_solved_for_after_each_step() -> None:
    case = Exponentials([0.5, 6.0], [0.0, 0.0])
    optimizer = ProjectedGaussNewton(case.parameters, [case.factors])
    linearize = ResidualFunction(case.parameters, case)
    loss = optimizer.step(linearize=linearize)
    with torch.no_grad():
        best = torch.linalg.lstsq(case.features(), case.wanted[:, None]).solution[:, 0]
        # Two features of condition 10: round-off of a solve.
        torch.testing.assert_close(case.factors.detach(), best, rtol=1e-10, atol=1e-10)
        assert loss == pytest.approx(0.5 * float(case().square().sum()), rel=1e-12)


def test_the_step_is_that_of_gauss_newton_on_the_projected_rows() -> None:
    """Kaufman's J of the projected rows, against its derivation by an undamped joint solve.

    Eliminating c from min |B d + A e + z|^2 + mu |d|^2 gives the same d.
    """
    case = Exponentials([0.5, 6.0], [1.0, -1.0])
    linear = ResidualFunction(case.parameters, case)()
    jacobian, z = linear.dense()
    assert z is not None
    optimizer = ProjectedGaussNewton(case.parameters, [case.factors], damping=1e-2)
    start = case.rates.detach().clone()
    optimizer.step(linearize=ResidualFunction(case.parameters, case))
    a, b = jacobian[:, 2:], jacobian[:, :2]
    reduced = b - a @ torch.linalg.pinv(a) @ b
    mu = 1e-2 * (reduced.T @ reduced).norm()
    damped = torch.block_diag(mu * torch.eye(2), torch.zeros(2, 2))
    joint = -torch.linalg.solve(jacobian.T @ jacobian + damped, jacobian.T @ z)
    # The normal equations' condition number is about 1e4.
    torch.testing.assert_close(case.rates.detach() - start, joint[:2], rtol=1e-9, atol=1e-11)


def test_it_ends_where_gauss_newton_does_and_sooner() -> None:
    mine, plain = (Exponentials([0.5, 6.0], [0.0, 0.0]) for _ in range(2))
    taken = minimized(
        ProjectedGaussNewton(mine.parameters, [mine.factors]),
        ResidualFunction(mine.parameters, mine),
    )
    usual = minimized(
        DampedGaussNewton(plain.parameters), ResidualFunction(plain.parameters, plain)
    )
    for case in (mine, plain):
        order = case.rates.detach().argsort()
        # The minimum is zero: its place is found to the root of round-off over the conditioning.
        torch.testing.assert_close(
            case.rates.detach()[order], torch.tensor([1.0, 4.0]), rtol=1e-5, atol=0
        )
    assert taken < usual


def test_dependent_linear_columns_do_no_harm() -> None:
    case = Exponentials([0.5, 0.5], [0.0, 0.0])  # twice the same feature
    optimizer = ProjectedGaussNewton(case.parameters, [case.factors])
    loss = optimizer.step(linearize=ResidualFunction(case.parameters, case))
    one = torch.exp(-0.5 * TIMES)[:, None]
    best = torch.linalg.lstsq(one, case.wanted[:, None]).solution
    assert loss <= 0.5 * float((one @ best - case.wanted[:, None]).square().sum()) * (1 + 1e-12)


def test_rows_that_are_not_affine_never_grow() -> None:
    """Squares of factors: the inner solve is a step of Gauss-Newton, kept where it helps."""
    case = Exponentials([0.5, 6.0], [1.0, 1.0])
    wanted = 2 * torch.exp(-TIMES) + 3 * torch.exp(-4 * TIMES)
    bent = lambda: case.features() @ case.factors.square() - wanted  # noqa: E731
    optimizer = ProjectedGaussNewton(case.parameters, [case.factors])
    linearize = ResidualFunction(case.parameters, bent)
    losses = [optimizer.step(linearize=linearize) for _ in range(15)]
    assert all(later <= before for before, later in pairwise(losses))
    assert losses[-1] < losses[0] / 10


def test_state_is_taken_back() -> None:
    case = Exponentials([0.5, 6.0], [0.0, 0.0])
    optimizer = ProjectedGaussNewton(case.parameters, [case.factors])
    linearize = ResidualFunction(case.parameters, case)
    for _ in range(2):
        optimizer.step(linearize=linearize)
    kept = [p.detach().clone() for p in case.parameters], copy.deepcopy(optimizer.state_dict())
    expected = optimizer.step(linearize=linearize)
    with torch.no_grad():
        for p, value in zip(case.parameters, kept[0], strict=True):
            p.copy_(value)
    other = ProjectedGaussNewton(case.parameters, [case.factors])
    other.load_state_dict(kept[1])
    assert other.step(linearize=linearize) == expected


def test_bad_splits_are_refused() -> None:
    case = Exponentials([0.5], [1.0])
    for linear in ([], case.parameters):
        with pytest.raises(ValueError, match="Take levenberg-marquardt"):
            ProjectedGaussNewton(case.parameters, linear)
    with pytest.raises(ValueError, match="must be told"):
        VariableProjection().build(case.parameters)
    with pytest.raises(ValueError, match="damping"):
        VariableProjection(damping=0.0)


def test_other_phases_need_no_split() -> None:
    def refused() -> list[nn.Parameter]:
        raise AssertionError("nobody asked")

    case = Exponentials([0.5], [1.0])
    assert LevenbergMarquardt().build_separated(case.parameters, refused)
    built = VariableProjection().build_separated(case.parameters, lambda: [case.factors])
    assert isinstance(built, ProjectedGaussNewton)
    assert built.linear.tolist() == [False, True]
