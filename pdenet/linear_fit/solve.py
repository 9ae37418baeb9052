"""The coefficients that a linear model of scaled rows asks for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.linear_fit.dense import CUT, MAX_BYTES, Solution, TallFactor
from pdenet.linear_fit.fronts import Fronts
from pdenet.linear_fit.rows import Block, ScaledRows
from pdenet.linear_fit.sources import flattened


@dataclass(frozen=True, eq=False)
class LinearModel:
    """Rows as far as they are linear, solved for their coefficients.

    Args:
        solution: The coefficients.
        count: Number of rows.
        before: Norm of their values at the coefficients where they were made.
        cut: Relative cut of the pivots.
        fronts: The factors, where rows were taken apart.
        added: Numbers of the rows that each call of :meth:`Fronts.add` got.
    """

    solution: Solution
    count: int
    before: float
    cut: float
    fronts: Fronts | None
    added: Sequence[Tensor]

    @property
    def solves_again(self) -> bool:
        """Whether :meth:`step_from` is to be had."""
        return self.fronts is not None and self.fronts.solves_again

    def step_from(self, values: Tensor) -> Solution:
        """The step that lowers other values of the rows by the same linear model.

        Args:
            values: Scaled values of all rows, shape (rows,).

        Returns:
            What is to be added to the coefficients where the rows have these values.
        """
        assert self.fronts is not None
        return self.fronts.solve_again([-values[rows] for rows in self.added], self.cut)


def solve_rows(
    rows: ScaledRows, cut: float = CUT, forcing: float = 0.0, max_bytes: int = MAX_BYTES
) -> LinearModel:
    """Solves for the coefficients that make rows, as far as they are linear, least.

    Solved for is their sum, not the step from the present ones: steps would add up large
    coefficients, and sums of large terms lose digits.

    Args:
        rows: The rows, at the present coefficients.
        cut: Relative cut of the pivots.
        forcing: Part of the norm that need not be lowered further.
        max_bytes: Bound on the memory taken.

    Returns:
        The linear model, solved.
    """
    count, squares = 0, 0.0
    present, added = flattened(rows.parameters), []
    sparse = rows.block_columns
    factor = TallFactor(rows.columns, max_bytes) if sparse is None else Fronts(sparse, max_bytes)
    for block in rows.blocks():
        count += len(block.b)
        squares += float(block.b.square().sum())
        if isinstance(factor, Fronts):
            added += _add(factor, block, present)
        else:
            a = block.in_all(rows.columns)
            factor.add(a, a @ present - block.b)
    before = math.sqrt(squares)
    solution = factor.solve(cut, enough=forcing * before)
    fronts = factor if isinstance(factor, Fronts) else None
    return LinearModel(solution, count, before, cut, fronts, added)


def check_memory(rows: ScaledRows, max_bytes: int) -> None:
    """Refuses a dense problem that does not fit, before any work.

    Args:
        rows: The rows.
        max_bytes: Bound on the memory taken.

    Raises:
        ValueError: It does not fit.
    """
    if rows.block_columns is None:
        TallFactor(rows.columns, max_bytes)


def _add(fronts: Fronts, block: Block, present: Tensor) -> list[Tensor]:
    """Rows of one pattern after the other, in all columns of the blocks that they touch.

    Args:
        fronts: Takes them.
        block: The rows.
        present: The coefficients.

    Returns:
        Numbers of the rows, call by call.
    """
    assert block.columns is not None
    place = torch.full((sum(map(len, fronts.columns)),), -1)
    place[block.columns] = torch.arange(len(block.columns))
    right = block.a @ present[block.columns] - block.b
    constants = [len(fronts.columns) - 1] if len(fronts.columns[-1]) else []
    added = []
    for k in block.pattern.unique().tolist():
        names = [*torch.nonzero(block.patterns[k])[:, 0].tolist(), *constants]
        wanted = place[torch.cat([fronts.columns[name] for name in names])]
        rows = torch.nonzero(block.pattern == k)
        fronts.add(names, block.a[rows, wanted] * (wanted >= 0), right[rows[:, 0]])
        added.append(block.start + rows[:, 0])
    return added
