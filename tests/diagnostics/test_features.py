"""Last-layer numbers against closed forms and other solvers."""

import math

import pytest
import torch

from pdenet.diagnostics import (
    epsilon_rank,
    least_squares_floor,
    residual_rate,
    truncated_entropy,
)

X = torch.linspace(-1, 1, 201, dtype=torch.float64)


def test_epsilon_rank_counts_independent_features() -> None:
    features = torch.stack([torch.sin((1 + k % 3) * math.pi * X) for k in range(12)], dim=1)
    assert epsilon_rank(features) == 3
    # Each sine comes four times and has the mean square 1/2: eigenvalues are 2.
    assert epsilon_rank(features, epsilon=1.9) == 3
    assert epsilon_rank(features, epsilon=2.1) == 0
    # Twice the points of the same law change nothing.
    assert epsilon_rank(torch.cat([features, features]), epsilon=1.9) == 3


def test_epsilon_rank_of_tanh_features_falls_with_epsilon() -> None:
    k = 2 * torch.rand(2, 40) - 1
    features = torch.tanh(X[:, None] * k[0] + k[1])
    found = [epsilon_rank(features, 10.0**-i) for i in (1, 3, 6, 9)]
    assert found == sorted(found)
    assert found[0] < found[-1] < 40


def test_truncated_entropy() -> None:
    values = torch.tensor([4.0, 2.0, 2.0, 1e-3])
    assert truncated_entropy(values, 0.01).item() == pytest.approx(1.5 * math.log(2))
    full = truncated_entropy(values, 0.0).item()
    p = values / values.sum()
    assert full == pytest.approx(-(p * p.log()).sum().item())
    assert full > truncated_entropy(values, 0.01).item()


def test_the_floor_is_what_least_squares_leaves() -> None:
    last, z = torch.randn(50, 12), torch.randn(50)
    best = torch.linalg.lstsq(last, -z[:, None]).solution[:, 0]
    expected = (z + last @ best).norm() / z.norm()
    torch.testing.assert_close(least_squares_floor(last, z), expected)
    # Columns that are there twice, and a factor, change nothing.
    twice = torch.cat([last, 3 * last], dim=1)
    torch.testing.assert_close(least_squares_floor(twice, 7 * z), expected)


def test_the_floor_within_reach_and_out_of_it() -> None:
    last = torch.randn(50, 12)
    assert least_squares_floor(last, last @ torch.randn(12)) < 1e-12
    left = torch.linalg.svd(last).U[:, 12:]
    assert least_squares_floor(last, left @ torch.randn(38)) == pytest.approx(1.0)
    assert least_squares_floor(last, torch.zeros(50)) == 0
    assert least_squares_floor(torch.zeros(50, 2), torch.ones(50)) == 1


def test_gradient_descent_takes_as_many_steps_as_the_rate_says() -> None:
    values = torch.tensor([1.0, 1e-3])
    z = torch.tensor([0.0, 1.0])
    rate = residual_rate(values.sqrt() * z, z, largest=1.0)
    assert rate == pytest.approx(1e-3)
    for _ in range(round(1 / (2 * float(rate)))):
        z = z - values * z / values.max()
    # Losses are squares: half a time constant of the residual is one of the loss.
    assert float(z.square().sum()) == pytest.approx(math.exp(-1), rel=1e-3)
    assert residual_rate(torch.zeros(2), torch.zeros(2), largest=1.0) == 1
    # The fastest mode alone.
    fast = torch.tensor([2.0, 0.0])
    assert residual_rate(values.sqrt() * fast, fast, largest=1.0) == 1


def test_bad_input() -> None:
    for wrong in (torch.ones(3), torch.ones(0, 2), torch.full((2, 2), math.nan)):
        with pytest.raises(ValueError, match="matrix of finite numbers"):
            epsilon_rank(wrong)
        with pytest.raises(ValueError, match="matrix of finite numbers"):
            least_squares_floor(wrong, torch.ones(2))
    with pytest.raises(ValueError, match="epsilon=0"):
        epsilon_rank(torch.ones(2, 2), 0.0)
    with pytest.raises(ValueError, match="one number for each row"):
        least_squares_floor(torch.ones(3, 2), torch.ones(2))
    with pytest.raises(ValueError, match="must be positive"):
        residual_rate(torch.ones(3), torch.ones(2), largest=0.0)
    with pytest.raises(ValueError, match="has training diverged"):
        residual_rate(torch.full((3,), math.nan), torch.ones(2), largest=1.0)
    with pytest.raises(ValueError, match="at least one of them positive"):
        truncated_entropy(torch.zeros(3))
    with pytest.raises(ValueError, match="at least 0"):
        truncated_entropy(torch.tensor([1.0, -1.0]))
