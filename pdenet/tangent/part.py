"""The rows of J that one condition gives."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Self, TypeAlias

import torch
from torch import Tensor

from pdenet.geometry import Points
from pdenet.residuals import Batch
from pdenet.tangent.factors import Factors
from pdenet.tangent.fast_path import TRIAL, FastPath, close
from pdenet.tangent.general import GeneralRows, RowsOf
from pdenet.tangent.linear_layers import Columns
from pdenet.tangent.pairs import PairRows
from pdenet.tangent.source import PairSource, RowSource

Rows: TypeAlias = Factors | GeneralRows
"""Rows of J at some points."""


class Part:
    """The rows of J that one condition gives.

    Args:
        source: What gives the rows.
        name: The condition.
        points: All of its points.
        columns: Where each parameter's columns are.
        shard: This process's number, and how many there are.
        like: The same condition of a source of the same form, whose trial counts for this one.

    Attributes:
        count: Points of this process; 1, or 0, where all points have one row together.
        total: Points of all processes; 1 where they have one row together.
        k: Rows a point.
        general: Why the general path is taken; empty where the fast one is.

    Raises:
        ValueError: There are no points, or the network mixes points.
    """

    def __init__(
        self,
        source: RowSource,
        name: str,
        points: Points,
        columns: Columns,
        shard: tuple[int, int] = (0, 1),
        like: Part | None = None,
    ) -> None:
        self.source, self.name, self.columns, self.shard = source, name, columns, shard
        self.rows, self.like = RowsOf(source, name), next(iter(columns))
        self.summed = source.is_sum(name)
        functions = source.functions if isinstance(source, PairSource) else 0
        self.fast = FastPath(self.rows, columns, list(source.modules()), functions)
        self._place(points)
        if like is not None and not like.general and self.fast.found_by(like.fast):
            self.k, self.general = like.k, ""
            return
        trial = source.batch(name, points.select(slice(0, TRIAL)))
        with torch.no_grad():
            first = self.rows(_some(trial, slice(0, 1)))
            several = self.rows(trial)[:1]
        self.k = first.shape[1]
        if self.summed:
            self.general = "one row is the sum over all points"
            return
        if not close(first, several):
            raise ValueError(
                f"The residual of condition {name!r} at a point changes with the other points of "
                "the batch (batch normalization?); J needs a network that acts on each point for "
                "itself."
            )
        self.general = self.fast.trial(trial)

    def at(self, points: Points) -> Self:
        """The same condition at other points; what the trial found still holds."""
        other = copy.copy(self)
        other._place(points)
        return other

    @property
    def mine(self) -> slice:
        """Which of all points this process has."""
        rank, world = self.shard
        return slice(0, self.count) if self.summed else slice(rank, None, world)

    def pieces(
        self, max_bytes: int, held: int, weight: Tensor | float = 1.0
    ) -> Iterator[tuple[slice, Rows]]:
        """Rows of J, piece by piece.

        Args:
            max_bytes: Bound on memory.
            held: Numbers a point that the caller makes of a piece.
            weight: What squares of rows are multiplied by, a number or (points of this process,).

        Yields:
            Which of this process's points, and their rows.
        """
        scale = self.scale * torch.as_tensor(weight).to(self.scale).sqrt().reshape(-1, 1)
        size = self.chunk(max_bytes, held)
        if self.summed:
            if self.count:
                yield slice(0, 1), GeneralRows(self.rows, self.batch, scale, size, summed=True)
            return
        for start in range(0, self.count, size):
            part = slice(start, min(start + size, self.count))
            yield part, self._rows(_some(self.batch, part), scale[part])

    def _place(self, points: Points) -> None:
        if not len(points):
            raise ValueError(f"Condition {self.name!r} has no points; J needs at least one.")
        rank, world = self.shard
        scale = self.source.scale(self.name, points).reshape(-1, 1)
        if self.summed:
            self.batch, self.scale = self.source.batch(self.name, points), scale
            self.count, self.total = int(rank == 0), 1
            return
        self.batch = self.source.batch(self.name, points.shard(rank, world))
        self.total = len(points)
        self.scale = scale.expand(self.total, 1)[rank::world]
        self.count = len(self.scale)

    def chunk(self, max_bytes: int, held: int) -> int:
        """Points whose work fits in memory, at least 1."""
        copies = 4 if self.general else 1  # torch.func keeps as many of the rows
        per_point = self.like.element_size() * (copies * held + self.k * self.fast.width)
        return max(1, max_bytes // max(1, per_point))

    def _rows(self, batch: Batch, scale: Tensor) -> Rows:
        if self.general:
            return GeneralRows(self.rows, batch, scale, len(scale), summed=False)
        if self.fast.functions:
            return PairRows(self.rows, batch, scale, len(scale), False, self.fast.factors)
        return self.fast.factors(batch, scale)


def _some(batch: Batch, part: slice) -> Batch:
    return {name: value[part] for name, value in batch.items()}
