"""Sparse least squares against the dense solution."""

from __future__ import annotations

import pytest
import torch
from scipy.linalg import lstsq
from torch import Tensor

from pdenet.linear_fit import Fronts
from pdenet.linear_fit import fronts as module

WIDTHS = (5, 3, 4, 6, 2, 5, 4)
PATTERNS = {
    "alone": [],
    "chain": [(i, i + 1) for i in range(6)],
    "ring": [*((i, i + 1) for i in range(6)), (0, 6)],
    "common": [(i, 6) for i in range(6)],
    "scattered": [(0, 3), (1, 2, 5), (2, 6), (0, 4, 5)],
}


def columns() -> list[Tensor]:
    """Blocks of unequal width, scattered over the columns."""
    order = torch.randperm(sum(WIDTHS), generator=torch.Generator().manual_seed(1))
    return list(order.split(WIDTHS))


def filled(patterns: list[tuple[int, ...]], rows: int) -> tuple[Fronts, Tensor, Tensor]:
    """Random rows of every block alone and of the patterns; and the same as one matrix."""
    generator, blocks = torch.Generator().manual_seed(0), columns()
    fronts, dense, right = Fronts(blocks), [], []
    for names in [*((i,) for i in range(len(WIDTHS))), *patterns]:
        own = torch.cat([blocks[name] for name in names])
        a = torch.randn(rows, len(own), generator=generator, dtype=torch.float64)
        b = torch.randn(rows, generator=generator, dtype=torch.float64)
        fronts.add(names, a, b)
        whole = torch.zeros(rows, sum(WIDTHS), dtype=torch.float64)
        whole[:, own] = a
        dense.append(whole)
        right.append(b)
    return fronts, torch.cat(dense), torch.cat(right)


@pytest.mark.parametrize("name", PATTERNS)
def test_solution_is_the_dense_one(name: str) -> None:
    fronts, a, b = filled(PATTERNS[name], rows=9)
    found = fronts.solve()
    x = torch.from_numpy(lstsq(a.numpy(), b.numpy())[0])
    # Well-conditioned random matrices: round-off alone.
    torch.testing.assert_close(found.x, x, atol=1e-12, rtol=0)
    assert found.residual == pytest.approx(float((a @ x - b).norm()), rel=1e-12)
    assert found.rank == found.numerical_rank == sum(WIDTHS)


def test_few_rows_are_solved_exactly() -> None:
    fronts, a, b = filled(PATTERNS["chain"], rows=2)  # 26 rows for 29 columns
    found = fronts.solve()
    # Columns without rows of their own are held by rows of size 1e-15 times the block.
    assert float((a @ found.x - b).norm()) < 1e-9 * float(b.norm())
    assert found.residual < 1e-9 * float(b.norm())


@pytest.mark.parametrize("rows", [9, 2])
@pytest.mark.parametrize("name", PATTERNS)
def test_other_right_hand_sides_are_solved_by_the_same_factors(name: str, rows: int) -> None:
    fronts, a, _ = filled(PATTERNS[name], rows)
    fronts.solve()
    assert fronts.solves_again
    generator = torch.Generator().manual_seed(5)
    b = torch.randn(len(a), generator=generator, dtype=torch.float64)
    found = fronts.solve_again(b.split(rows))
    expected = lstsq(a.numpy(), b.numpy())[0]
    left = float((a @ torch.from_numpy(expected) - b).norm())
    if rows == 9:  # else there are fewer rows than columns: many solutions
        # Well-conditioned random matrices: round-off alone.
        torch.testing.assert_close(found.x, torch.from_numpy(expected), atol=1e-12, rtol=0)
    # Rows of size 1e-15 hold what few rows do not.
    assert float((a @ found.x - b).norm()) == pytest.approx(left, abs=1e-9 * float(b.norm()))
    assert found.residual == pytest.approx(left, abs=1e-9 * float(b.norm()))


def test_factors_are_kept_as_far_as_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_BYTES", 4_000)
    fronts, a, b = filled(PATTERNS["chain"], rows=9)
    found = fronts.solve()
    assert not fronts.solves_again
    assert float((a @ found.x - b).norm()) == pytest.approx(found.residual, rel=1e-12)


def test_spanned_columns_stay_small() -> None:
    blocks = [torch.arange(4), torch.arange(4, 8)]
    generator = torch.Generator().manual_seed(2)
    a = torch.randn(30, 8, generator=generator, dtype=torch.float64)
    a[:, 3] = a[:, 0] + a[:, 1]
    b = a @ torch.ones(8, dtype=torch.float64)
    fronts = Fronts(blocks)
    fronts.add((0, 1), a, b)
    found = fronts.solve()
    assert float((a @ found.x - b).norm()) < 1e-11
    assert float(found.x.abs().max()) < 1e3  # not 1e15, which the zero pivot would give
    assert found.numerical_rank == 7


def test_memory_and_numbers_are_checked() -> None:
    fronts = Fronts([torch.arange(2)], max_bytes=100)
    with pytest.raises(ValueError, match="more than max_bytes=100"):
        fronts.add((0,), torch.ones(5, 2).double(), torch.ones(5).double())
    with pytest.raises(ValueError, match="no rows to fit"):
        Fronts([torch.arange(2)]).solve()
    fronts = Fronts([torch.arange(1)])
    fronts.add((0,), torch.tensor([[torch.nan]]).double(), torch.ones(1).double())
    with pytest.raises(ValueError, match="not all finite"):
        fronts.solve()
