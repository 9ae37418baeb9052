"""The rows of J that one condition gives."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Self, TypeAlias

import torch
from torch import Tensor, nn

from pdenet.geometry import Points
from pdenet.residuals import Batch
from pdenet.tangent.factors import Factors
from pdenet.tangent.general import GeneralRows, RowsOf, flattened, vjp
from pdenet.tangent.linear_layers import Columns, collect
from pdenet.tangent.pairs import Loose, PairRecorder, PairRows, collect_pairs
from pdenet.tangent.recorder import Recorder, RefusedError
from pdenet.tangent.source import PairSource, RowSource

UNKNOWNS = ".unknowns."  # in names of what a residual meets point by point
TRIAL = 3  # points at which the fast path is compared with reverse differentiation
MISFITS = (RuntimeError, TypeError, ValueError, IndexError)  # of a copy a point, somewhere

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
    ) -> None:
        self.source, self.name, self.columns, self.shard = source, name, columns, shard
        self.rows, self.like = RowsOf(source, name), next(iter(columns))
        self.summed = source.is_sum(name)
        self.modules = list(source.modules())
        self.functions = source.functions if isinstance(source, PairSource) else 0
        self._place(points)
        self._loose: dict[str, nn.Parameter] = {}
        self._sides: dict[str, str] = {}
        trial = source.batch(name, points.select(slice(0, TRIAL)))
        with torch.no_grad():
            first = self.rows(_some(trial, slice(0, 1)))
            several = self.rows(trial)[:1]
        self.k, self._width = first.shape[1], 32 * sum(p.shape[0] for p in columns if p.ndim)
        if not self.summed and not _close(first, several, _tolerance(first)):
            raise ValueError(
                f"The residual of condition {name!r} at a point changes with the other points of "
                "the batch (batch normalization?); J needs a network that acts on each point for "
                "itself."
            )
        self.general = self._reason(trial)

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
        per_point = self.like.element_size() * (copies * held + self.k * self._width)
        return max(1, max_bytes // max(1, per_point))

    def _rows(self, batch: Batch, scale: Tensor) -> Rows:
        if self.general:
            return GeneralRows(self.rows, batch, scale, len(scale), summed=False)
        if self.functions:
            return PairRows(self.rows, batch, scale, len(scale), False, self._pair_factors)
        return self._factors(batch, scale)

    def _factors(self, batch: Batch, scale: Tensor) -> Factors:
        """Derivatives through linear layers; of other parameters, by a copy for each point."""
        n = len(scale)
        copies = {name: _copies(name, p, n) for name, p in self._loose.items()}
        rows, recorder = self._record(batch, n, copies)
        leaves = {self._loose[name]: copy for name, copy in copies.items()}
        return collect(rows, recorder.uses, leaves, self.columns, scale)

    def _pair_factors(self, batch: Batch, scale: Tensor) -> Factors:
        """The same for pairs of points and functions; copies where each parameter acts."""
        n, m = len(scale), self.functions
        axes = {"trunk": (n,), "branch": (m,), "pair": (n, m)}
        copies = {
            name: _copies(name, p, *((n * m,) if UNKNOWNS in name else axes[self._sides[name]]))
            for name, p in self._loose.items()
        }
        rows, recorder = self._record(batch, n, copies)
        assert isinstance(recorder, PairRecorder)
        leaves: dict[str, dict[nn.Parameter, Tensor]] = {side: {} for side in axes}
        for name, values in copies.items():
            leaves[self._sides[name]][self._loose[name]] = values
        return collect_pairs(rows, recorder, Loose(**leaves), self.columns, scale)

    def _record(
        self, batch: Batch, n: int, copies: Mapping[str, Tensor] | None = None
    ) -> tuple[Tensor, Recorder]:
        """Rows, shape (n, k), and what was seen of linear layers on the way."""
        trained = {id(p): p for p in self.columns}
        recorder = (
            PairRecorder(trained, self.modules, n, self.functions)
            if self.functions
            else Recorder(trained, self.modules, n)
        )
        with torch.enable_grad(), recorder:
            rows = (self.rows.at(copies) if copies else self.rows)(batch)
        return rows.reshape(n, -1), recorder

    def _reason(self, batch: Batch) -> str:
        """Why the fast path cannot be taken: it is tried at a few points."""
        if self.summed:
            return "one row is the sum over all points"
        n = len(next(iter(batch.values())))
        try:
            rows, recorder = self._record(batch, n)
        except RefusedError as refusal:
            return str(refusal)
        uses = recorder.uses
        self._width = 4 * sum(u.outputs[:, 0].numel() + u.inputs[:, 0].numel() for u in uses)
        generator = torch.Generator().manual_seed(0)
        w = 0.5 + torch.rand(rows.shape, generator=generator, dtype=torch.float64).to(rows)
        expected = vjp(self.rows, batch, w)
        inside = {id(p) for use in uses for p in (use.weight, use.bias, use.scale)}
        trained = zip(self.rows.trained().items(), expected, strict=True)
        self._loose = {n: p for (n, p), g in trained if id(p) not in inside and g is not None}
        if isinstance(recorder, PairRecorder):
            self._sides = recorder.sides(self._loose)
        loose = f"; outside linear layers are {', '.join(self._loose)}" if self._loose else ""
        try:
            ones = torch.ones(n, 1).to(rows)
            factors = (self._pair_factors if self.functions else self._factors)(batch, ones)
        except MISFITS as misfit:
            return f"{type(misfit).__name__}: {misfit}{loose}"
        found = torch.zeros(sum(p.numel() for p in self.columns)).to(rows)
        factors.vjp(w, found)
        tolerance = _tolerance(rows)
        # A copy for each point may have made other rows of the same parameters.
        if _close(factors.z, rows.detach(), tolerance) and _close(
            found, flattened(expected, self.columns), tolerance
        ):
            return ""
        return f"parameters act otherwise than by linear layers or point by point{loose}"


def _some(batch: Batch, part: slice) -> Batch:
    return {name: value[part] for name, value in batch.items()}


def _copies(name: str, parameter: nn.Parameter, *axes: int) -> Tensor:
    """A copy for each point, in a shape that acts on each point's numbers as the original."""
    shape = parameter.shape
    if not shape and UNKNOWNS not in name:
        shape = torch.Size([1])  # in the network a number meets (points, neurons)
    return parameter.detach().expand(*axes, *shape).clone().requires_grad_()


def _tolerance(like: Tensor) -> float:
    return 1e-8 if like.dtype == torch.float64 else 1e-2


def _close(found: Tensor, expected: Tensor, tolerance: float) -> bool:
    if found.shape != expected.shape:
        return False
    size = float(expected.abs().nan_to_num().max())
    return torch.allclose(found, expected, rtol=0, atol=tolerance * size, equal_nan=True)
