"""Lazy and rich on the diagonal two-homogeneous model, whose limits are known in closed form."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from pdenet.diagnostics import kernel_drift, linearization_error, regime, relative_movement

# Three data points, six unknowns: beta = w_+^2 - w_-^2 interpolates in many ways.
X = torch.tensor(
    [
        [1.0, 0.2, -0.5, 0.9, 0.1, 0.4],
        [0.3, 1.1, 0.4, -0.2, 0.8, -0.6],
        [-0.4, 0.5, 1.2, 0.3, 0.2, 0.7],
    ],
    dtype=torch.float64,
)
Y = torch.tensor([1.0, -0.5, 0.7], dtype=torch.float64)


def jacobian(w: Tensor) -> Tensor:
    """Of the residual X beta - y with respect to (w_+, w_-)."""
    return torch.cat([2 * X * w[:6], -2 * X * w[6:]], dim=1)


def residual(w: Tensor) -> Tensor:
    return X @ (w[:6].square() - w[6:].square()) - Y


def trained(alpha: float) -> tuple[Tensor, Tensor]:
    """Start and end of the gradient flow from alpha times ones."""

    def flow(_: float, w: np.ndarray) -> np.ndarray:
        at = torch.from_numpy(w)
        return (-jacobian(at).mT @ residual(at)).numpy()

    start = alpha * torch.ones(12)
    long = 40 / alpha**2 if alpha > 1 else 400.0
    found = solve_ivp(flow, (0, long), start.numpy(), rtol=1e-10, atol=1e-12, method="LSODA")
    return start, torch.from_numpy(found.y[:, -1].copy())


def numbers(alpha: float) -> tuple[float, float, float]:
    start, end = trained(alpha)
    first, last = jacobian(start), jacobian(end)
    drift = kernel_drift(last @ last.mT, first @ first.mT)
    predicted = first @ (end - start)
    missed = linearization_error(residual(end), residual(start), predicted)
    return float(drift), float(missed), float(relative_movement(end, start))


@pytest.mark.parametrize("alpha", [0.01, 1.0, 30.0])
def test_the_flow_ends_where_theory_says(alpha: float) -> None:
    # The interpolant with the least sum of alpha^2 q(beta / alpha^2), q' = arsinh(z / 2): there,
    # q' is a combination of the data's rows.
    _, end = trained(alpha)
    beta = end[:6].square() - end[6:].square()
    assert residual(end).norm() < 1e-6
    slope = torch.asinh(beta / (2 * alpha**2))
    projected = X.mT @ torch.linalg.lstsq(X.mT, slope[:, None]).solution[:, 0]
    torch.testing.assert_close(projected, slope, rtol=1e-5, atol=1e-6)


def test_large_starts_are_lazy_and_small_ones_rich() -> None:
    found = {alpha: numbers(alpha) for alpha in (0.01, 0.3, 1.0, 3.0, 30.0)}
    for i in range(3):  # drift, linearization error, movement fall as the start grows
        column = [value[i] for value in found.values()]
        assert column == sorted(column, reverse=True)
    assert regime(found[30.0][0]) == "lazy"
    # The change of beta is 2 alpha dw, the error dw^2: dw / (2 alpha), of the order 1 / alpha^2.
    assert found[30.0][1] < 1e-3
    drift, missed, movement = found[0.01]
    assert drift > 0.2
    assert missed > 0.9
    assert movement > 10


def test_lazy_training_finds_the_least_norm_and_rich_training_a_sparse_solution() -> None:
    least = torch.linalg.pinv(X) @ Y
    ends = {}
    for alpha in (0.001, 30.0):
        _, end = trained(alpha)
        ends[alpha] = end[:6].square() - end[6:].square()
    torch.testing.assert_close(ends[30.0], least, rtol=1e-3, atol=1e-4)
    assert ends[0.001].abs().sum() < 0.97 * least.abs().sum()


def test_drift_by_hand() -> None:
    one = torch.diag(torch.tensor([1.0, 0.0]))
    assert kernel_drift(3 * one, one) == pytest.approx(0, abs=1e-15)
    assert kernel_drift(one, torch.diag(torch.tensor([0.0, 1.0]))) == 1
    assert kernel_drift(torch.eye(2), one) == pytest.approx(1 - 1 / math.sqrt(2))


def test_error_by_hand() -> None:
    zero, one = torch.zeros(3), torch.ones(3)
    assert linearization_error(one, zero, one) == 0
    assert linearization_error(one, zero, zero) == pytest.approx(1)
    assert linearization_error(one, one, zero) == 0


def test_labels() -> None:
    assert [regime(d) for d in (0.0, 0.04, 0.05, 0.5, 0.51, 1.0)] == [
        "lazy", "lazy", "between", "between", "rich", "rich",
    ]  # fmt: skip


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        regime(float("nan"))
    with pytest.raises(ValueError, match="same points"):
        kernel_drift(torch.eye(2), torch.eye(3))
    with pytest.raises(ValueError, match="vanishes or is not finite"):
        kernel_drift(torch.zeros(2, 2), torch.eye(2))
    with pytest.raises(ValueError, match="vanishes or is not finite"):
        kernel_drift(torch.full((2, 2), torch.nan), torch.eye(2))
    with pytest.raises(ValueError, match="same points"):
        linearization_error(torch.ones(2), torch.ones(3), torch.ones(3))
