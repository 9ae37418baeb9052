"""Least squares by orthogonal factors, against LAPACK's SVD of the whole matrix."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import lstsq

from pdenet.linear_fit import TallFactor, most_columns


def random(rows: int, columns: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(rows + columns)
    a = torch.randn(rows, columns, generator=generator, dtype=torch.float64)
    return a, torch.randn(rows, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("shape", [(40, 12), (12, 12), (5, 12)], ids=str)
@pytest.mark.parametrize("block", [40, 7, 1])
def test_blocks_give_the_solution_of_the_whole(shape: tuple[int, int], block: int) -> None:
    a, b = random(*shape)
    factor = TallFactor(shape[1])
    for start in range(0, len(a), block):
        factor.add(a[start : start + block], b[start : start + block])
    found = factor.solve(slack=0.0)
    x, _, rank, values = lstsq(a.numpy(), b.numpy())  # type: ignore[misc]
    # Well-conditioned random matrices: round-off alone.
    np.testing.assert_allclose(found.x.numpy(), x, atol=1e-12)
    assert found.rank == found.numerical_rank == rank == min(shape)
    assert found.residual == pytest.approx(
        float(np.linalg.norm(a.numpy() @ x - b.numpy())), abs=1e-12
    )
    # Pivots bound singular values within a factor of a few.
    assert 0.1 < found.condition / (values[0] / values[-1]) < 10


def test_memory_bound_changes_nothing_but_memory() -> None:
    a, b = random(300, 20)
    free = TallFactor(20)
    tight = TallFactor(20, max_bytes=4 * 8 * 21 * 21)
    for start in range(0, 300, 11):
        for factor in (free, tight):
            factor.add(a[start : start + 11], b[start : start + 11])
            assert factor._rows <= (300 if factor is free else 42)
    torch.testing.assert_close(tight.solve(slack=0).x, free.solve(slack=0).x, atol=1e-12, rtol=0)


def test_rank_deficient_rows_have_the_solution_of_least_norm() -> None:
    a, b = random(50, 20)
    a[:, 19] = a[:, 0] + a[:, 1]
    a[:, 18] = 2 * a[:, 3]
    factor = TallFactor(20)
    factor.add(a, b)
    found = factor.solve(cut=1e-12, slack=0.0)
    assert found.rank == 18
    np.testing.assert_allclose(found.x.numpy(), lstsq(a.numpy(), b.numpy())[0], atol=1e-12)


def test_ill_conditioned_rows_lose_no_digits_to_squaring() -> None:
    # Hilbert's matrix: normal equations would square a condition number of 1e13.
    n = 10
    i = torch.arange(1, n + 1, dtype=torch.float64)
    a = 1 / (i[:, None] + i[None] - 1)
    b = a @ torch.ones(n, dtype=torch.float64)
    factor = TallFactor(n)
    factor.add(a, b)
    found = factor.solve(slack=0.0)
    assert found.residual < 1e-15
    assert float((a @ found.x - b).norm()) < 1e-14
    assert float((found.x - 1).abs().max()) < 1e-2  # condition times round-off


def test_slack_leaves_out_columns_that_lower_no_residual() -> None:
    a = torch.eye(6, dtype=torch.float64)[:, :5].clone()
    b = torch.tensor([3.0, 2.0, 1e-9, 1e-9, 1e-9, 0.1], dtype=torch.float64)
    factor = TallFactor(5)
    factor.add(a, b)
    assert factor.solve(slack=0.0).rank == 5
    found = factor.solve(slack=0.01)
    assert found.rank == 2
    assert found.residual == pytest.approx(0.1)
    assert found.least == pytest.approx(0.1)
    loose = factor.solve(enough=2.5)
    assert loose.rank == 1
    assert loose.residual == pytest.approx(math.hypot(2.0, 0.1))


def test_what_cannot_be_solved_is_refused() -> None:
    columns = 2000
    bytes_needed = 3 * 8 * (columns + 1) ** 2
    assert most_columns(bytes_needed) == columns
    with pytest.raises(ValueError, match=r"2,000 coefficients takes .* more than max_bytes"):
        TallFactor(columns, max_bytes=bytes_needed - 1)
    with pytest.raises(ValueError, match="no rows to fit"):
        TallFactor(3).solve()
    factor = TallFactor(1)
    factor.add(torch.tensor([[torch.nan]]).double(), torch.ones(1).double())
    with pytest.raises(ValueError, match="not all finite"):
        factor.solve()


def test_nothing_to_fit_gives_zero() -> None:
    a, _ = random(20, 4)
    factor = TallFactor(4)
    factor.add(a, torch.zeros(20, dtype=torch.float64))
    found = factor.solve()
    assert found.x.tolist() == [0.0] * 4
    assert found.rank == 0
