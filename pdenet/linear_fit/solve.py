"""The step that a linear model of scaled rows asks for."""

from __future__ import annotations

import math

import torch

from pdenet.linear_fit.dense import CUT, MAX_BYTES, Solution, TallFactor
from pdenet.linear_fit.fronts import Fronts
from pdenet.linear_fit.rows import Block, ScaledRows


def solve_rows(
    rows: ScaledRows, cut: float = CUT, forcing: float = 0.0, max_bytes: int = MAX_BYTES
) -> tuple[Solution, int, float]:
    """Solves for the step that makes rows, as far as they are linear, least.

    Args:
        rows: The rows, at the present coefficients.
        cut: Relative cut of the pivots.
        forcing: Part of the norm that need not be lowered further.
        max_bytes: Bound on the memory taken.

    Returns:
        The step; the number of rows; the norm of their values before it.
    """
    count, squares = 0, 0.0
    sparse = rows.block_columns
    factor = TallFactor(rows.columns, max_bytes) if sparse is None else Fronts(sparse, max_bytes)
    for block in rows.blocks():
        count += len(block.b)
        squares += float(block.b.square().sum())
        if isinstance(factor, Fronts):
            _add(factor, block)
        else:
            factor.add(block.in_all(rows.columns), -block.b)
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


def _add(fronts: Fronts, block: Block) -> None:
    """Rows of one pattern after the other, in all columns of the blocks that they touch."""
    assert block.touched is not None
    assert block.columns is not None
    place = torch.full((sum(map(len, fronts.columns)),), -1)
    place[block.columns] = torch.arange(len(block.columns))
    constants = [len(fronts.columns) - 1] if len(fronts.columns[-1]) else []
    patterns, numbers = block.touched.unique(dim=0, return_inverse=True)
    for k, pattern in enumerate(patterns):
        names = [*torch.nonzero(pattern)[:, 0].tolist(), *constants]
        wanted = place[torch.cat([fronts.columns[name] for name in names])]
        rows = numbers == k
        a = block.a[rows][:, wanted] * (wanted >= 0)
        fronts.add(names, a, -block.b[rows])
