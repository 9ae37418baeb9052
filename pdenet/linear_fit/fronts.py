"""Sparse least squares by orthogonal factors, for rows that touch few blocks of columns each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from pdenet.linear_fit.dense import CUT, MAX_BYTES, ROUND_OFF, Solution

KEPT_BYTES = 2**29  # of orthogonal factors

Origin = tuple[Literal["added", "left"], int]


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of a front.

    Args:
        blocks: The blocks whose columns they hold, in turn; the right-hand side is the last column.
        entries: Shape (n, columns of the blocks + 1).
        origin: The call of :meth:`Fronts.add` that gave them, or the block whose elimination left
            them.
    """

    blocks: tuple[int, ...]
    entries: Tensor
    origin: Origin


@dataclass(frozen=True, eq=False)
class _Eliminated:
    """Rows of the triangle that belong to one block, and the factor that made them.

    Args:
        blocks: The blocks whose columns they hold.
        rows: Shape (columns of the block, columns of the blocks), no right-hand side.
        factor: Reflections that made them of the front, and their scales, as LAPACK stores them;
            None where memory is too short.
        origins: Where the front's rows are from, in turn.
    """

    blocks: tuple[int, ...]
    rows: Tensor
    factor: tuple[Tensor, Tensor] | None
    origins: Sequence[Origin]

    def transformed(self, given: Mapping[Origin, Tensor]) -> tuple[Tensor, Tensor, float]:
        """A right-hand side after the elimination.

        Args:
            given: Right-hand sides of the front's rows, by origin.

        Returns:
            Those of the block's rows of the triangle; those of the rows that are left; and the
            square of what no column can lower.
        """
        assert self.factor is not None
        reflections, scales = self.factor
        (width, columns), count = self.rows.shape, len(reflections)
        parts = [given[origin] for origin in self.origins]
        hold = reflections.new_zeros(count - sum(map(len, parts)))  # rows of spanned columns
        b = torch.cat([*parts, hold])
        whole = torch.ormqr(reflections, scales, b[:, None], transpose=True)[:, 0]
        return whole[:width], whole[width:columns], float(whole[columns:].square().sum())


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
        self._waiting: dict[int, list[_Rows]] = {}
        self._bytes = self._added = 0
        self._room = KEPT_BYTES
        self._triangle: list[_Eliminated] = []

    def add(self, blocks: Sequence[int], a: Tensor, b: Tensor) -> None:
        """Adds rows.

        Args:
            blocks: The blocks that they touch, in increasing order.
            a: Their entries in these blocks' columns, shape (n, columns of the blocks), on the CPU.
            b: Their right-hand side, shape (n,).

        Raises:
            ValueError: The rows do not fit in memory.
        """
        entries = torch.cat([a, b[:, None]], dim=1)
        self._wait(_Rows(tuple(blocks), entries, ("added", self._added)))
        self._added += 1

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
        right, squares = [], 0.0
        for block in range(len(self.columns)):
            values, left = self._eliminate(block, cut)
            right.append(values)
            squares += left
        return self._solution(right, squares, cut)

    @property
    def solves_again(self) -> bool:
        """Whether all factors were kept, after :meth:`solve`."""
        return all(one.factor is not None for one in self._triangle)

    def solve_again(self, right: Sequence[Tensor], cut: float = CUT) -> Solution:
        """Solves for another right-hand side, in a small part of the time.

        Args:
            right: Right-hand sides of the rows, one a call of :meth:`add`, in that order.
            cut: As :meth:`solve` was told.

        Returns:
            The solution.

        Raises:
            ValueError: A number is not finite.
        """
        given: dict[Origin, Tensor] = {("added", k): b for k, b in enumerate(right)}
        found, squares = [], 0.0
        for block, one in enumerate(self._triangle):
            values, given["left", block], lost = one.transformed(given)
            found.append(values)
            squares += lost
        return self._solution(found, squares, cut)

    def _solution(self, right: Sequence[Tensor], squares: float, cut: float) -> Solution:
        x = self._backwards(right)
        if not bool(x.isfinite().all()):
            raise ValueError("The rows of the least-squares problem are not all finite.")
        pivots = torch.cat([one.rows.diagonal().abs() for one in self._triangle])
        largest, residual = float(pivots.max()), squares**0.5
        return Solution(
            x=x,
            rank=len(x),
            numerical_rank=int((pivots > 10 * cut * largest).sum()),
            condition=largest / float(pivots.min()),
            residual=residual,
            least=residual + ROUND_OFF * largest * float(x.norm()),
        )

    def _wait(self, rows: _Rows) -> None:
        self._waiting.setdefault(rows.blocks[0], []).append(rows)
        self._bytes += rows.entries.numel() * 8
        if self._bytes > self._max_bytes:
            raise ValueError(
                f"Rows of the least-squares problem take more than max_bytes={self._max_bytes:,}; "
                "take fewer features or points, or raise the bound."
            )

    def _eliminate(self, block: int, cut: float) -> tuple[Tensor, float]:
        """One block's right-hand side, and the square of what no column can lower."""
        found = self._waiting.pop(block, [])
        self._bytes -= sum(rows.entries.numel() * 8 for rows in found)
        width = len(self.columns[block])
        blocks = tuple(sorted({block}.union(*(rows.blocks for rows in found))))
        front = self._assembled(blocks, found, width)
        size = torch.linalg.matrix_norm(front[:, :width]) if len(front) else 0.0
        front[len(front) - width :, :width].diagonal().copy_(
            torch.full((width,), max(cut * float(size), torch.finfo(front.dtype).tiny))
        )
        reflections, scales = torch.geqrf(front)
        triangle = reflections[: front.shape[1]].triu()
        rest = triangle[width:]
        if len(blocks) > 1 and len(rest):
            entries = rest[: rest.shape[1] - width - 1, width:]
            self._wait(_Rows(blocks[1:], entries, ("left", block)))
        lost = float(rest[rest.shape[1] - width - 1 :, -1].square().sum())
        self._keep(
            _Eliminated(
                blocks=blocks,
                rows=triangle[:width, :-1],
                factor=(reflections[:, :-1], scales[: front.shape[1] - 1]),
                origins=[rows.origin for rows in found],
            )
        )
        return triangle[:width, -1], lost

    def _keep(self, one: _Eliminated) -> None:
        """Keeps a block's rows; the factors of all blocks or of none."""
        assert one.factor is not None
        self._room -= one.factor[0].numel() * 8
        self._triangle.append(one)
        if self._room < 0:
            self._triangle = [replace(one, factor=None) for one in self._triangle]

    def _assembled(self, blocks: tuple[int, ...], found: list[_Rows], room: int) -> Tensor:
        """Rows in the columns of all blocks, with room for so many more below."""
        starts, end = {}, 0
        for name in blocks:
            starts[name], end = end, end + len(self.columns[name])
        count = sum(len(rows.entries) for rows in found) + room
        front = torch.zeros(count, end + 1, dtype=torch.float64)
        top = 0
        for rows in found:
            bottom, left = top + len(rows.entries), 0
            for name in rows.blocks:
                start, width = starts[name], len(self.columns[name])
                front[top:bottom, start : start + width] = rows.entries[:, left : left + width]
                left += width
            front[top:bottom, -1] = rows.entries[:, -1]
            top = bottom
        return front

    def _backwards(self, right: Sequence[Tensor]) -> Tensor:
        x = torch.zeros(sum(map(len, self.columns)), dtype=torch.float64)
        parts = zip(self.columns, self._triangle, right, strict=True)
        for columns, one, b in reversed(list(parts)):
            width = len(columns)
            if len(one.blocks) > 1:
                known = torch.cat([self.columns[name] for name in one.blocks[1:]])
                b = b - one.rows[:, width:] @ x[known]
            square = one.rows[:, :width]
            x[columns] = torch.linalg.solve_triangular(square, b[:, None], upper=True)[:, 0]
        return x
