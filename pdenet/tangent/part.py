"""The rows of J that one condition gives."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from pdenet.conditions import Condition
from pdenet.geometry import Points
from pdenet.residuals import Batch, Residuals, tensors
from pdenet.tangent.general import RowsOf, jacobian, pushforward, single_row, vjp
from pdenet.tangent.linear_layers import Columns, fill, record
from pdenet.tangent.recorder import RefusedError, Use

TRIAL = 3  # points at which the fast path is compared with reverse differentiation
LOOSE = 32  # numbers outside linear layers that are worth a forward derivative each


class Part:
    """The rows of J that one condition gives, scaled by ``1 / sqrt(number of points)``.

    Args:
        residuals: Problem and network.
        name: The condition.
        points: Its points.
        columns: Where each parameter's columns are.

    Attributes:
        n: Number of points; 1 for an integral.
        k: Rows a point.
        general: Why the general path is taken; empty where the fast one is.

    Raises:
        ValueError: There are no points, or the network mixes points.
    """

    def __init__(self, residuals: Residuals, name: str, points: Points, columns: Columns) -> None:
        condition: Condition = residuals.conditions[name]
        self.rows, self.columns = RowsOf(residuals, name), columns
        self.like = next(iter(columns))
        self.batch = tensors(condition, points, self.like)
        self.count, self.integral = len(points), condition.integral
        if not self.count:
            raise ValueError(f"Condition {name!r} has no points; J needs at least one.")
        self.n = 1 if self.integral else self.count
        self.scale = 1 / math.sqrt(self.n)
        channels = len(residuals.problem.demands[name].layout)
        self._width = channels * sum(p.shape[0] for p in columns if p.ndim)
        self._loose: dict[str, nn.Parameter] = {}
        with torch.no_grad():
            first = self.rows(self._slice(0, 1))
            self.k = first.shape[1]
            if not self.integral and not torch.allclose(
                self.rows(self._slice(0, TRIAL))[:1],
                first,
                rtol=self._tolerance,
                atol=self._tolerance,
                equal_nan=True,
            ):
                raise ValueError(
                    f"The residual of condition {name!r} at a point changes with the other points "
                    "of the batch (batch normalization?); J needs a network that acts on each "
                    "point for itself."
                )
        self.general = self._reason()

    @property
    def size(self) -> int:
        """Number of rows."""
        return self.n * self.k

    def write(self, out: Tensor, start: int, stop: int) -> None:
        """Writes the rows of some points.

        Args:
            out: Zeros, shape (stop - start, k, P).
            start: First point.
            stop: Behind the last.
        """
        batch = self._slice(start, stop)
        if self.integral:
            size = self.chunk(2**26)
            parts = [self._slice(s, s + size) for s in range(0, self.count, size)]
            out += single_row(self.rows, parts)
        elif self.general:
            out += jacobian(self.rows, batch, stop - start)
        else:
            self._write_fast(out, *record(lambda: self.rows(batch), self._parameters, len(out)))
            self._write_loose(out, batch)
        out *= self.scale

    def jvp(self, directions: dict[str, Tensor], max_bytes: int) -> Tensor:
        """J v for this condition, shape (n k,)."""
        pieces = [pushforward(self.rows, b, [directions])[0] for _, b in self._batches(max_bytes)]
        values = torch.stack(pieces).sum(0) if self.integral else torch.cat(pieces)
        return self.scale * values.flatten()

    def vjp(self, w: Tensor, max_bytes: int) -> Tensor:
        """J^T w for this condition, shape (P,)."""
        weights = self.scale * w.reshape(self.n, self.k)
        total = torch.zeros((), dtype=w.dtype, device=w.device)
        for part, batch in self._batches(max_bytes):
            total = total + vjp(self.rows, batch, weights if self.integral else weights[part])
        return total

    def chunk(self, max_bytes: int, held: int = 0) -> int:
        """Points whose work fits in memory.

        Args:
            max_bytes: The bound.
            held: Numbers a point that are kept beside the intermediates.

        Returns:
            At least 1.
        """
        per_point = self.like.element_size() * (held + 8 * self.k * self._width)
        return max(1, min(self.count, max_bytes // per_point))

    def _batches(self, max_bytes: int) -> Iterator[tuple[slice, Batch]]:
        size = self.chunk(max_bytes)
        for start in range(0, self.count, size):
            yield slice(start, start + size), self._slice(start, start + size)

    def _slice(self, start: int, stop: int) -> Batch:
        return {name: value[start:stop] for name, value in self.batch.items()}

    @property
    def _parameters(self) -> list[nn.Parameter]:
        return list(self.columns)

    @property
    def _tolerance(self) -> float:
        return 1e-8 if self.like.dtype == torch.float64 else 1e-2

    def _write_fast(self, out: Tensor, rows: Tensor, uses: Sequence[Use]) -> None:
        if uses:
            fill(out, rows, uses, self.columns)

    def _write_loose(self, out: Tensor, batch: Batch) -> None:
        places = [(n, p, entry) for n, p in self._loose.items() for entry in range(p.numel())]
        units = [{name: _unit(p, entry)} for name, p, entry in places]
        found = pushforward(self.rows, batch, units) if units else []
        for (_, p, entry), column in zip(places, found, strict=True):
            out[:, :, self.columns[p].start + entry] = column

    def _reason(self) -> str:
        """Why the fast path cannot be taken: it is tried at a few points."""
        if self.integral:
            return "an integral is one row of all points"
        batch = self._slice(0, TRIAL)
        n = min(TRIAL, self.count)
        try:
            rows, uses = record(lambda: self.rows(batch), self._parameters, n)
        except RefusedError as refusal:
            return str(refusal)
        self._loose = self._outside(rows, uses)
        if (loose := sum(p.numel() for p in self._loose.values())) > LOOSE:
            return (
                f"{loose} parameters are outside linear layers, such as {next(iter(self._loose))}"
            )
        out = self.like.new_zeros((n, self.k, sum(p.numel() for p in self.columns)))
        self._write_fast(out, rows, uses)
        self._write_loose(out, batch)
        return "" if self._agrees(out, batch) else "linear layers' weights act elsewhere too"

    def _outside(self, rows: Tensor, uses: Sequence[Use]) -> dict[str, nn.Parameter]:
        """Parameters that rows depend on and no linear layer has."""
        inside = {id(p) for use in uses for p in (use.weight, use.bias)}
        outside = {n: p for n, p in self.rows.trained().items() if id(p) not in inside}
        if not outside or not rows.requires_grad:
            return {}
        gradients = torch.autograd.grad(
            rows.sum(), list(outside.values()), retain_graph=True, allow_unused=True
        )
        reached = zip(outside.items(), gradients, strict=True)
        return {name: p for (name, p), gradient in reached if gradient is not None}

    def _agrees(self, out: Tensor, batch: Batch) -> bool:
        generator = torch.Generator().manual_seed(0)
        w = 0.5 + torch.rand(out.shape[:2], generator=generator, dtype=torch.float64).to(out)
        expected, found = vjp(self.rows, batch, w), torch.einsum("nk,nkp->p", w, out)
        return bool((found - expected).abs().max() <= self._tolerance * expected.abs().max())


def _unit(like: Tensor, entry: int) -> Tensor:
    unit = torch.zeros(like.numel(), dtype=like.dtype, device=like.device)
    unit[entry] = 1
    return unit.view_as(like)
