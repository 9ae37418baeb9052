"""The coefficients that a linear model of scaled rows asks for."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pdenet.linear_fit.dense import CUT, MAX_BYTES, Solution, TallFactor
from pdenet.linear_fit.fronts import Fronts
from pdenet.linear_fit.rows import Block, ScaledRows
from pdenet.linear_fit.sources import flattened


def solve_rows(
    rows: ScaledRows, cut: float = CUT, forcing: float = 0.0, max_bytes: int = MAX_BYTES
) -> tuple[Solution, int, float]:
    """Solves for the coefficients that make rows, as far as they are linear, least.

    Solved for is their sum, not the step from the present ones: steps would add up large
    coefficients, and sums of large terms lose digits.

    Args:
        rows: The rows, at the present coefficients.
        cut: Relative cut of the pivots.
        forcing: Part of the norm that need not be lowered further.
        max_bytes: Bound on the memory taken.

    Returns:
        The solution; the number of rows; the norm of their values at the present coefficients.
    """
    count, squares = 0, 0.0
    present = flattened(rows.parameters)
    sparse = rows.block_columns
    factor = TallFactor(rows.columns, max_bytes) if sparse is None else Fronts(sparse, max_bytes)
    for block in rows.blocks():
        count += len(block.b)
        squares += float(block.b.square().sum())
        if isinstance(factor, Fronts):
            _add(factor, block, present)
        else:
            a = block.in_all(rows.columns)
            factor.add(a, a @ present - block.b)
    before = math.sqrt(squares)
    return factor.solve(cut, enough=forcing * before), count, before


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


def _add(fronts: Fronts, block: Block, present: Tensor) -> None:
    """Rows of one pattern after the other, in all columns of the blocks that they touch."""
    assert block.columns is not None
    place = torch.full((sum(map(len, fronts.columns)),), -1)
    place[block.columns] = torch.arange(len(block.columns))
    right = block.a @ present[block.columns] - block.b
    constants = [len(fronts.columns) - 1] if len(fronts.columns[-1]) else []
    for k in block.pattern.unique().tolist():
        names = [*torch.nonzero(block.patterns[k])[:, 0].tolist(), *constants]
        wanted = place[torch.cat([fronts.columns[name] for name in names])]
        rows = torch.nonzero(block.pattern == k)
        fronts.add(names, block.a[rows, wanted] * (wanted >= 0), right[rows[:, 0]])
