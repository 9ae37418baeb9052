"""Leading eigenpairs and bounds on effective rank against full decompositions."""

import math
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pdenet.diagnostics import (
    BlockKernel,
    DenseKernel,
    Kernel,
    ProductKernel,
    TrackedSpectrum,
    effective_rank,
    rank_bounds,
)
from pdenet.networks import MLP
from pdenet.problems.poisson_1d import poisson_1d
from pdenet.residuals import Residuals
from pdenet.tangent import Tangent

SLACK = 1e-9  # round-off of sums of some hundred numbers

INDEX = torch.arange(1.0, 161.0, dtype=torch.float64)
SPECTRA = {
    "geometric": 0.8**INDEX,
    "stretched": torch.exp(-2 * INDEX.sqrt()),
    "quadratic": INDEX**-2,
    "slow": 1 / INDEX,
    "flat": torch.ones(160, dtype=torch.float64),
    "one": torch.eye(160, dtype=torch.float64)[0],
}


def rotated(values: Tensor, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    q, _ = torch.linalg.qr(torch.randn(len(values), len(values), generator=generator))
    return q @ torch.diag(values) @ q.mT


@pytest.mark.parametrize("name", SPECTRA)
def test_pairs_and_bounds_against_the_full_spectrum(name: str) -> None:
    kernel, values = rotated(SPECTRA[name]), SPECTRA[name]
    found = TrackedSpectrum(most=96).update(DenseKernel(kernel))
    exact = float(effective_rank(kernel))
    assert found.bounds.lower <= exact * (1 + SLACK)
    assert found.bounds.upper >= exact * (1 - SLACK)
    assert found.bounds.lower <= found.bounds.estimate <= found.bounds.upper
    # Courant and Fischer: Ritz values are lower bounds, one by one.
    k = len(found.values)
    assert (found.values <= values[:k] + SLACK * values[0]).all()
    assert found.bounds.tail <= 0.05 or k == 96
    # Those that carry the trace have converged: errors are squares of residuals over gaps.
    residuals = kernel @ found.vectors - found.vectors * found.values
    torch.testing.assert_close(residuals.norm(dim=0), found.residuals, rtol=1e-6, atol=1e-12)
    assert (found.vectors.mT @ found.vectors - torch.eye(k)).abs().max() < 1e-12
    if name in ("geometric", "stretched", "quadratic", "one"):
        torch.testing.assert_close(found.values[:4], values[:4], rtol=1e-5, atol=1e-12)
        assert found.bounds.estimate == pytest.approx(exact, rel=0.02)


def test_a_drifting_kernel_is_followed_in_a_pass_or_two() -> None:
    values = SPECTRA["stretched"]
    generator = torch.Generator().manual_seed(1)
    spin = torch.randn(160, 160, generator=generator) / math.sqrt(160)
    turn = torch.linalg.matrix_exp(0.02 * (spin - spin.mT))
    kernel, tracked, passes = rotated(values), TrackedSpectrum(), []
    for _ in range(15):
        found = tracked.update(DenseKernel(kernel))
        passes.append(found.passes)
        torch.testing.assert_close(found.values[:3], values[:3], rtol=1e-3, atol=0)
        exact = float(effective_rank(values))
        assert found.bounds.lower * (1 - SLACK) <= exact <= found.bounds.upper * (1 + SLACK)
        assert found.bounds.upper / found.bounds.lower < 1.35
        kernel = turn @ kernel @ turn.mT
    assert max(passes[1:]) <= 2 < passes[0]


def test_state_makes_the_next_update_the_same() -> None:
    first, second = TrackedSpectrum(), TrackedSpectrum()
    first.update(DenseKernel(rotated(SPECTRA["quadratic"])))
    second.load_state_dict(first.state_dict())
    other = DenseKernel(rotated(SPECTRA["quadratic"], seed=1))
    one, two = first.update(other), second.update(other)
    assert torch.equal(one.values, two.values)


@given(
    values=st.lists(st.floats(0, 1), min_size=1, max_size=25).filter(lambda v: sum(v) > 1e-3),
    count=st.integers(1, 25),
    seed=st.integers(0, 10**6),
    passes=st.integers(0, 4),
)
def test_bounds_hold_for_any_vectors(
    values: list[float], count: int, seed: int, passes: int
) -> None:
    # From vectors at random, which have missed everything, to converged ones.
    n = len(values)
    kernel = rotated(torch.tensor(values), seed)
    generator = torch.Generator().manual_seed(seed + 1)
    V = torch.randn(n, min(count, n), generator=generator)
    for _ in range(passes):
        V = kernel @ V + 1e-12 * V
    V, _ = torch.linalg.qr(V)
    small = V.mT @ kernel @ V
    theta, rotation = torch.linalg.eigh((small + small.mT) / 2)
    V = V @ rotation
    defect = float(torch.linalg.svdvals(kernel @ V - V * theta).sum())
    found = rank_bounds(theta.flip(0), float(kernel.trace()), n, defect)
    exact = float(effective_rank(torch.tensor(values)))
    # Dropping what couples V to its complement costs sqrt-like terms: round-off may show as 1e-8.
    assert found.lower <= exact * (1 + 1e-7)
    assert found.upper >= exact * (1 - 1e-7)
    assert 1 <= found.lower <= found.estimate <= found.upper <= n * (1 + 1e-9)


def test_a_missed_eigenvalue_does_not_break_the_lower_bound() -> None:
    # The naive bound takes all that is left to be below the last value found: log 2, not 0.
    kernel = torch.diag(torch.tensor([1.0, 0.01, 0.0]))
    found = rank_bounds(torch.tensor([0.01]), trace=1.01, size=3)
    exact = float(effective_rank(kernel))
    assert found.lower == pytest.approx(exact, rel=1e-12)
    assert found.upper > exact


def test_bounds_of_known_numbers() -> None:
    found = rank_bounds(torch.tensor([0.5, 0.25]), trace=1.0, size=10)
    known = 0.5 * math.log(2) + 0.25 * math.log(4)
    assert found.tail == 0.25
    assert math.log(found.lower) == pytest.approx(known + 0.25 * math.log(4))
    assert math.log(found.upper) == pytest.approx(known + 0.25 * math.log(8 / 0.25))
    # The whole series 1/2^i has entropy log 4.
    assert found.estimate == pytest.approx(4.0)
    assert rank_bounds(torch.ones(3), 3.0, 3) == rank_bounds(torch.ones(3), 3.0, 3, 0.0)
    assert rank_bounds(torch.ones(3), 3.0, 3).lower == pytest.approx(3.0)


class Jacobian:
    """A matrix J as a tangent gives it: blocks, products, row norms."""

    def __init__(self, matrix: Tensor) -> None:
        self.matrix, self.shape = matrix, (matrix.shape[0], matrix.shape[1])

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        for start in range(0, self.shape[0], 7):
            yield slice(start, start + 7), self.matrix[start : start + 7]

    def jvp(self, v: Tensor) -> Tensor:
        return self.matrix @ v

    def vjp(self, w: Tensor) -> Tensor:
        return w @ self.matrix

    def squared_norms(self) -> Tensor:
        return self.matrix.square().sum(1)


@pytest.mark.parametrize("shape", [(40, 25), (25, 40), (30, 30)])
@pytest.mark.parametrize("kind", [BlockKernel, ProductKernel])
def test_the_smaller_side_by_blocks_and_by_products(
    shape: tuple[int, int], kind: type[Kernel]
) -> None:
    matrix = torch.randn(shape)
    full = matrix @ matrix.mT if shape[0] <= shape[1] else matrix.mT @ matrix
    kernel = kind(Jacobian(matrix))  # type: ignore[call-arg]
    assert kernel.size == min(shape)
    assert kernel.trace == pytest.approx(float(matrix.square().sum()))
    V = torch.randn(kernel.size, 3)
    torch.testing.assert_close(kernel.apply(V), full @ V)
    assert kernel.trace == pytest.approx(float(matrix.square().sum()))
    exact = float(effective_rank(full))
    found = TrackedSpectrum().update(kernel).bounds
    assert found.lower * (1 - SLACK) <= exact <= found.upper * (1 + SLACK)


@pytest.mark.parametrize("points", [10, 60])
def test_a_tangent_is_followed(points: int) -> None:
    problem = poisson_1d()
    network = MLP(1, 1, width=6, depth=2, seed=0)  # 61 parameters
    at = {"poisson": problem.domain.sample(points, seed=0)}
    tangent = Tangent(Residuals(problem, network, {"ends"} & set(problem.conditions)), at)
    exact = float(effective_rank(tangent.gram()))
    by_blocks = TrackedSpectrum().update(BlockKernel(tangent)).bounds
    by_products = TrackedSpectrum().update(ProductKernel(tangent)).bounds
    for found in (by_blocks, by_products):
        assert found.lower * (1 - SLACK) <= exact <= found.upper * (1 + SLACK)
    assert by_blocks.estimate == pytest.approx(by_products.estimate, rel=1e-8)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="at most 2 finite"):
        rank_bounds(torch.ones(3), 3.0, 2)
    with pytest.raises(ValueError, match="positive"):
        rank_bounds(torch.zeros(1), 0.0, 2)
    with pytest.raises(ValueError, match="finite"):
        rank_bounds(torch.tensor([math.nan]), 1.0, 2)
    with pytest.raises(ValueError, match="square"):
        DenseKernel(torch.ones(2, 3))
    with pytest.raises(ValueError, match="square"):
        DenseKernel(torch.ones(0, 0))
    with pytest.raises(ValueError, match="not finite"):
        TrackedSpectrum().update(DenseKernel(torch.full((3, 3), math.inf)))
    with pytest.raises(ValueError, match="positive"):
        TrackedSpectrum().update(DenseKernel(torch.zeros(3, 3)))
    with pytest.raises(ValueError, match="between 0 and 1"):
        TrackedSpectrum(tail=0.0)
