"""Dense least squares by orthogonal factors, for rows that come in blocks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import get_lapack_funcs, solve_triangular
from torch import Tensor

Array = NDArray[np.float64]
GEQP3, ORMQR, TZRZF, ORMRZ = get_lapack_funcs(
    ("geqp3", "ormqr", "tzrzf", "ormrz"), dtype=np.float64
)

CUT = 1e-15  # relative; columns that add less to the span of those before are round-off
MAX_BYTES = 2**32
SLACK = 0.01
ROUND_OFF = 1e-15  # of a coefficient of one, in the scaled rows' sum
LANES = 64  # columns that LAPACK treats at once
COPIES = 3  # of the triangle: its rows, their factor, and what LAPACK works in


@dataclass(frozen=True, eq=False)
class Solution:
    """What minimizes ``|A x - b|``, of least norm where all columns above the cut are used.

    Args:
        x: Shape (columns,).
        rank: Columns that were used: those above the cut that lower the residual.
        numerical_rank: Columns above the cut.
        condition: Ratio of the first to the last used pivot: an estimate of the condition number
            of what was used, dimensionless.
        residual: ``|A x - b|``.
        least: The least of the residual and the round-off that its coefficients leave.
    """

    x: Tensor
    rank: int
    numerical_rank: int
    condition: float
    residual: float
    least: float


def most_columns(max_bytes: int) -> int:
    """Coefficients whose triangle fits in memory."""
    return max(0, math.isqrt(max_bytes // (8 * COPIES)) - 1)


class TallFactor:
    """The triangle of A's QR factors, all that a least-squares problem needs of its rows.

    Rows come in blocks and are not kept: with the right-hand side as last column, the triangle of
    one block under that of the blocks before is that of all. The normal equations, which square
    the condition number, are never formed.

    Args:
        columns: Columns of A.
        max_bytes: Bound on the memory taken.

    Raises:
        ValueError: The triangle itself does not fit.

    Example:
        >>> factor = TallFactor(1)
        >>> factor.add(torch.tensor([[1.0], [1.0]]).double(), torch.tensor([1.0, 3.0]).double())
        >>> round(factor.solve().x.item(), 6)
        2.0
    """

    def __init__(self, columns: int, max_bytes: int = MAX_BYTES) -> None:
        self.columns = columns
        width = 8 * (columns + 1)
        if columns > most_columns(max_bytes):
            raise ValueError(
                f"Least squares for {columns:,} coefficients takes "
                f"{COPIES * width * (columns + 1):,} bytes, more than max_bytes={max_bytes:,}; "
                "take fewer features, or raise the bound."
            )
        # As many rows at a time as fit: each factorization passes the triangle again.
        self._room = max_bytes // (COPIES * width)
        self._held: list[Tensor] = []
        self._rows = 0

    def add(self, a: Tensor, b: Tensor) -> None:
        """Adds rows.

        Args:
            a: Rows of A, shape (n, columns), float64 on the CPU.
            b: Their right-hand side, shape (n,).
        """
        block = torch.cat([a, b[:, None]], dim=1)
        if self._held and self._rows + len(block) > self._room:
            self._compress()
        self._held.append(block)
        self._rows += len(block)

    def solve(self, cut: float = CUT, slack: float = SLACK, enough: float = 0.0) -> Solution:
        r"""Solves, by QR with column pivoting of the triangle.

        Pivots below the cut count as zero. Of the columns above it only so many are used as lower
        the residual, together with the round-off that their coefficients would leave, to within the
        slack of the least: small pivots make coefficients large, and sums of large terms lose
        digits.

        Args:
            cut: Relative to the first pivot.
            slack: Relative to the least residual; 0 uses every column above the cut.
            enough: A residual that need not be lowered further.

        Returns:
            The solution.

        Raises:
            ValueError: No rows were added, or a number is not finite.
        """
        if not self._held:
            raise ValueError("There are no rows to fit; give points to at least one condition.")
        self._compress()
        (triangle,) = self._held
        if not bool(triangle.isfinite().all()):
            raise ValueError("The rows of the least-squares problem are not all finite.")
        return _solve_triangle(triangle.numpy(), cut, slack, enough)

    def _compress(self) -> None:
        rows = torch.cat(self._held)
        size = min(len(rows), self.columns + 1)
        self._held = [torch.geqrf(rows)[0][:size].triu()]
        self._rows = size


def _solve_triangle(triangle: Array, cut: float, slack: float, enough: float) -> Solution:
    """``min |R x - c|`` for the triangle ``(R, c)``."""
    columns = triangle.shape[1] - 1
    if len(triangle) < columns:  # fewer rows than columns: the others are zero
        triangle = np.pad(triangle, ((0, columns - len(triangle)), (0, 0)))
    a, b = triangle[:, :-1], triangle[:, -1:]
    factor, order, reflections, _, info = GEQP3(a)
    assert info == 0, info
    rotated, _, info = ORMQR("L", "T", factor, reflections, b, LANES * columns)
    assert info == 0, info
    pivots = np.abs(np.diag(factor))
    numerical = int((pivots > cut * pivots.max(initial=0.0)).sum())
    used = np.arange(numerical)
    # With the first k columns, from k = 0 on: residual, and the round-off that coefficients leave.
    tails = np.append(np.sqrt(np.cumsum(rotated[::-1, 0] ** 2)[::-1]), 0.0)[: numerical + 1]
    sizes = np.cumsum((rotated[used, 0] / pivots[used]) ** 2) ** 0.5
    score = tails + np.append(0.0, ROUND_OFF * pivots[:1] * sizes) if numerical else tails
    rank = int(np.argmax(score <= max((1 + slack) * score.min(), enough)))
    x = np.zeros(columns)
    if rank:
        # Columns that are left out, but not negligible, must stay out: rows below would miss them.
        kept = columns if rank == numerical else rank
        x[order[:kept] - 1] = _least_norm(np.triu(factor[:rank, :kept]), rotated[:rank, 0])
    return Solution(
        x=torch.from_numpy(x),
        rank=rank,
        numerical_rank=numerical,
        condition=float(pivots[0] / pivots[rank - 1]) if rank else 1.0,
        residual=float(tails[rank]),
        least=float(score.min()),
    )


def _least_norm(wide: Array, right: Array) -> Array:
    """Least norm solution of R y = c for an upper trapezoidal R of full rank."""
    rank, columns = wide.shape
    factor, reflections, info = TZRZF(wide)
    assert info == 0, info
    y = np.zeros((columns, 1))
    y[:rank, 0] = solve_triangular(np.triu(factor[:, :rank]), right)
    turned, info = ORMRZ(factor, reflections, y, side="L", trans="T")
    assert info == 0, info
    return turned[:, 0]
