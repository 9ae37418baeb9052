"""Counts of modes against closed forms, and the growth that a kernel's reference values show."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from pdenet import Condition, Problem
from pdenet.diagnostics import (
    condition_number,
    effective_dimension,
    effective_rank,
    participation_ratio,
    spectrum,
    spectrum_by_condition,
)
from pdenet.geometry import Interval
from pdenet.residuals import Residuals
from pdenet.tangent import Tangent


def rotated(values: Tensor, seed: int = 0) -> Tensor:
    """A matrix with these eigenvalues."""
    generator = torch.Generator().manual_seed(seed)
    q, _ = torch.linalg.qr(torch.randn(len(values), len(values), generator=generator))
    return q * values @ q.T


def test_geometric_spectrum() -> None:
    r, n = 0.5, 60
    kernel = rotated(3.0 * r ** torch.arange(n))
    # p_k = (1 - r) r^k: H = -log(1 - r) - r log(r) / (1 - r); the tail r^60 is below round-off.
    entropy = -math.log(1 - r) - r * math.log(r) / (1 - r)
    assert effective_rank(kernel).item() == pytest.approx(math.exp(entropy), rel=1e-10)
    # (1 - r)^-2 over (1 - r^2)^-1.
    assert participation_ratio(kernel).item() == pytest.approx((1 + r) / (1 - r), rel=1e-10)


def test_equal_modes_count_as_one_each() -> None:
    kernel = rotated(torch.tensor([2.0] * 5 + [0.0] * 3))
    for count in (effective_rank, participation_ratio):
        assert count(kernel).item() == pytest.approx(5, rel=1e-10)
    # Each mode: 2 / (2 + 0.5).
    assert effective_dimension(kernel, 0.5).item() == pytest.approx(5 * 0.8, rel=1e-10)
    # Zero eigenvalues come out as round-off, 1e-16, which the damping still hides.
    assert effective_dimension(kernel, 1e-6).item() == pytest.approx(5, rel=1e-6)


def test_condition_number() -> None:
    assert condition_number(rotated(torch.tensor([8.0, 4.0, 2.0]))).item() == pytest.approx(4)
    assert condition_number(torch.tensor([1.0, 0.0])).item() == math.inf


@given(
    values=st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=8),
    seed=st.integers(0, 5),
    factor=st.sampled_from([1e-3, 1.0, 1e4]),
)
def test_orders_and_scale(values: list[float], seed: int, factor: float) -> None:
    kernel = rotated(torch.tensor(values), seed)
    found = spectrum(kernel)
    torch.testing.assert_close(
        found, torch.tensor(sorted(values, reverse=True)), rtol=0, atol=1e-10
    )
    rank, ratio = effective_rank(kernel), participation_ratio(kernel)
    # Renyi counts decrease with their order: 0 (rank), 1, 2, infinity; round-off beside.
    assert len(values) * (1 + 1e-9) >= rank >= ratio * (1 - 1e-9)
    assert ratio >= found.sum() / found.max() * (1 - 1e-9)
    torch.testing.assert_close(effective_rank(factor * kernel), rank)
    torch.testing.assert_close(participation_ratio(found), ratio)


def test_blocks_of_conditions() -> None:
    kernel = torch.block_diag(rotated(torch.tensor([3.0, 1.0])), torch.tensor([[2.0]]))
    found = spectrum_by_condition(kernel, {"a": slice(0, 2), "b": slice(2, 3)})
    torch.testing.assert_close(found["a"], torch.tensor([3.0, 1.0]))
    torch.testing.assert_close(found["b"], torch.tensor([2.0]))


class Waves(nn.Module):
    """Two-layer tanh network with inner weights and biases uniform on [-R, R]."""

    def __init__(self, width: int, reach: float, seed: int) -> None:
        super().__init__()
        g = torch.Generator().manual_seed(seed)
        self.inner, self.outer = nn.Linear(1, width), nn.Linear(width, 1, bias=False)
        with torch.no_grad():
            for p in self.inner.parameters():
                p.copy_(reach * (2 * torch.rand(p.shape, generator=g) - 1))
            self.outer.weight.copy_((2 * torch.rand(1, width, generator=g) - 1) / math.sqrt(width))

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(torch.tanh(self.inner(x)))


def mean_rank(reach: float, *, order: int, frozen: bool) -> float:
    domain = Interval(x=(-1, 1))
    problem = Problem(
        domain=domain,
        fields="u",
        conditions={"it": Condition(lambda u: u.xx if order else u + 0.0, on=domain.interior)},
    )
    found = []
    for seed in range(5):
        network = Waves(100 if frozen else 200, reach, seed)
        network.inner.requires_grad_(not frozen)
        points = domain.interior.sample(200, seed=0, method="latin-hypercube")
        tangent = Tangent(Residuals(problem, network), {"it": points})
        found.append(effective_rank(tangent.gram()).item())
    return sum(found) / len(found)


@pytest.mark.parametrize(
    ("order", "frozen", "known"),
    [
        (2, True, {1: 2.2, 4: 6.4, 16: 16.7}),
        (0, True, {1: 1.7, 4: 1.9, 16: 2.4}),
        (2, False, {1: 2.3, 4: 6.7, 8: 12.4}),
    ],
    ids=["features' second derivative", "features", "whole network"],
)
def test_effective_rank_grows_with_the_reach_of_inner_weights(
    order: int, frozen: bool, known: dict[int, float]
) -> None:
    found = [mean_rank(reach, order=order, frozen=frozen) for reach in known]
    assert found == sorted(found)
    # Other draws of the same laws: means over five of them scatter by several per cent.
    assert found == pytest.approx(list(known.values()), rel=0.15)


def test_bad_kernels() -> None:
    for count in (effective_rank, participation_ratio, condition_number):
        with pytest.raises(ValueError, match="square"):
            count(torch.ones(2, 3))
        with pytest.raises(ValueError, match="not finite"):
            count(torch.tensor([[1.0, math.nan], [math.nan, 1.0]]))
        with pytest.raises(ValueError, match="vanishes"):
            count(torch.zeros(2, 2))
    with pytest.raises(ValueError, match="square"):
        spectrum(torch.zeros(0, 0))
    with pytest.raises(ValueError, match="at least 0"):
        effective_rank(torch.tensor([1.0, -1.0]))
    with pytest.raises(ValueError, match="positive"):
        effective_dimension(torch.eye(2), 0.0)
