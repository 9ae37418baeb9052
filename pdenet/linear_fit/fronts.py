"""Sparse least squares by orthogonal factors, for rows that touch few blocks of columns each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.linear_fit.dense import CUT, MAX_BYTES, ROUND_OFF, Solution

Rows = tuple[tuple[int, ...], Tensor]
"""Rows, and the blocks whose columns they hold, in turn; the right-hand side is the last column."""


@dataclass(frozen=True, eq=False)
class _Eliminated:
    """Rows of the triangle that belong to one block."""

    blocks: tuple[int, ...]
    rows: Tensor


class Fronts:
    r"""QR of a matrix whose rows touch few blocks of columns, block after block.

    All rows that touch the first block are factorized together: as many as it has columns are rows
    of the triangle, what is left of the others touches later blocks. Along a chain of blocks whose
    rows touch two neighbours, operations grow like their number; a ring carries one block more. The
    normal equations are never formed. Columns that others span are held near zero by rows of
    round-off's size, in place of pivoting.

    Args:
        columns: Columns of each block, in the order of elimination; together all, each once.
        max_bytes: Bound on the memory that rows take.

    Attributes:
        columns: As given.

    Reference:
        Davis, Algorithm 915, SuiteSparseQR: multifrontal multithreaded rank-revealing sparse QR
        factorization, ACM Trans. Math. Softw. 38(1), 2011.

    Example:
        >>> fronts = Fronts([torch.tensor([0]), torch.tensor([1])])
        >>> fronts.add((0,), torch.eye(1).double(), torch.ones(1).double())
        >>> fronts.add((0, 1), torch.tensor([[1.0, 1.0]]).double(), torch.zeros(1).double())
        >>> [round(x, 6) for x in fronts.solve().x.tolist()]
        [1.0, -1.0]
    """

    def __init__(self, columns: Sequence[Tensor], max_bytes: int = MAX_BYTES) -> None:
        self.columns, self._max_bytes = list(columns), max_bytes
        self._waiting: dict[int, list[Rows]] = {}
        self._bytes = 0

    def add(self, blocks: Sequence[int], a: Tensor, b: Tensor) -> None:
        """Adds rows.

        Args:
            blocks: The blocks that they touch, in increasing order.
            a: Their entries in these blocks' columns, shape (n, columns of the blocks), on the CPU.
            b: Their right-hand side, shape (n,).

        Raises:
            ValueError: The rows do not fit in memory.
        """
        self._wait((tuple(blocks), torch.cat([a, b[:, None]], dim=1)))

    def solve(self, cut: float = CUT, enough: float = 0.0) -> Solution:
        """Eliminates all blocks, then solves backwards.

        Args:
            cut: Size of the rows that hold spanned columns, relative to their block.
            enough: A residual that need not be lowered further; no block is left out for it.

        Returns:
            The solution; all columns are used.

        Raises:
            ValueError: There are no rows, or a number is not finite.
        """
        if not self._waiting:
            raise ValueError("There are no rows to fit; give points to at least one condition.")
        triangle, squares = [], 0.0
        for block in range(len(self.columns)):
            done, left = self._eliminate(block, cut)
            triangle.append(done)
            squares += left
        x = self._backwards(triangle)
        if not bool(x.isfinite().all()):
            raise ValueError("The rows of the least-squares problem are not all finite.")
        widths = [len(columns) for columns in self.columns]
        pairs = zip(triangle, widths, strict=True)
        pivots = torch.cat([one.rows[:, :width].diagonal().abs() for one, width in pairs])
        largest, residual = float(pivots.max()), squares**0.5
        return Solution(
            x=x,
            rank=len(x),
            numerical_rank=int((pivots > 10 * cut * largest).sum()),
            condition=largest / float(pivots.min()),
            residual=residual,
            least=residual + ROUND_OFF * largest * float(x.norm()),
        )

    def _wait(self, rows: Rows) -> None:
        self._waiting.setdefault(rows[0][0], []).append(rows)
        self._bytes += rows[1].numel() * 8
        if self._bytes > self._max_bytes:
            raise ValueError(
                f"Rows of the least-squares problem take more than max_bytes={self._max_bytes:,}; "
                "take fewer features or points, or raise the bound."
            )

    def _eliminate(self, block: int, cut: float) -> tuple[_Eliminated, float]:
        """One block's rows of the triangle, and the square of what no column can lower."""
        found = self._waiting.pop(block, [])
        self._bytes -= sum(rows.numel() * 8 for _, rows in found)
        width = len(self.columns[block])
        blocks = tuple(sorted({block}.union(*(names for names, _ in found))))
        front = self._assembled(blocks, found, width)
        size = torch.linalg.matrix_norm(front[:, :width]) if len(front) else 0.0
        front[len(front) - width :, :width].diagonal().copy_(
            torch.full((width,), max(cut * float(size), torch.finfo(front.dtype).tiny))
        )
        triangle = torch.geqrf(front)[0][: front.shape[1]].triu()
        rest = triangle[width:]
        if len(blocks) > 1 and len(rest):
            self._wait((blocks[1:], rest[: rest.shape[1] - width - 1, width:]))
        lost = float(rest[rest.shape[1] - width - 1 :, -1].square().sum())
        return _Eliminated(blocks, triangle[:width]), lost

    def _assembled(self, blocks: tuple[int, ...], found: list[Rows], room: int) -> Tensor:
        """Rows in the columns of all blocks, with room for so many more below."""
        starts, end = {}, 0
        for name in blocks:
            starts[name], end = end, end + len(self.columns[name])
        count = sum(len(rows) for _, rows in found) + room
        front = torch.zeros(count, end + 1, dtype=torch.float64)
        top = 0
        for names, rows in found:
            bottom, left = top + len(rows), 0
            for name in names:
                width = len(self.columns[name])
                front[top:bottom, starts[name] : starts[name] + width] = rows[
                    :, left : left + width
                ]
                left += width
            front[top:bottom, -1] = rows[:, -1]
            top = bottom
        return front

    def _backwards(self, triangle: Sequence[_Eliminated]) -> Tensor:
        x = torch.zeros(sum(map(len, self.columns)), dtype=torch.float64)
        for columns, one in zip(reversed(self.columns), reversed(triangle), strict=True):
            width, right = len(columns), one.rows[:, -1:]
            if len(one.blocks) > 1:
                known = torch.cat([self.columns[name] for name in one.blocks[1:]])
                right = right - one.rows[:, width:-1] @ x[known][:, None]
            square = one.rows[:, :width]
            x[columns] = torch.linalg.solve_triangular(square, right, upper=True)[:, 0]
        return x
