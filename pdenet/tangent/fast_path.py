"""The fast path of one condition: how its rows are differentiated layer by layer, and a trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from pdenet.residuals import Batch
from pdenet.tangent.factors import Factors
from pdenet.tangent.general import RowsOf, flattened, vjp
from pdenet.tangent.linear_layers import Columns, collect
from pdenet.tangent.pairs import Loose, PairRecorder, collect_pairs
from pdenet.tangent.recorder import Recorder, RefusedError, Use

TRIAL = 3  # points at which the fast path is compared with reverse differentiation
UNKNOWNS = ".unknowns."  # in names of what a residual meets point by point
MISFITS = (RuntimeError, TypeError, ValueError, IndexError)  # of a copy a point, somewhere


class FastPath:
    """Derivatives through linear layers; of other parameters, by a copy for each point.

    Args:
        rows: The condition.
        columns: Where each parameter's columns are.
        modules: The network and its parts.
        functions: Number of functions whose rows each point has; 0 where there are none.

    Attributes:
        width: Numbers a point that a pass takes, roughly.
    """

    def __init__(
        self, rows: RowsOf, columns: Columns, modules: Sequence[nn.Module], functions: int
    ) -> None:
        self.rows, self.columns, self.modules = rows, columns, modules
        self.functions = functions
        self.width = 32 * sum(p.shape[0] for p in columns if p.ndim)
        self._loose: dict[str, nn.Parameter] = {}
        self._sides: dict[str, str] = {}

    def factors(self, batch: Batch, scale: Tensor) -> Factors:
        """Factors of the rows' derivatives.

        Args:
            batch: Tensors of the points.
            scale: What rows are multiplied by, shape (n, 1).

        Returns:
            The factors.
        """
        copies = {
            name: _copies(p, *self._axes(name, len(scale))) for name, p in self._loose.items()
        }
        rows, recorder = self._record(batch, len(scale), copies)
        sides: dict[str, dict[nn.Parameter, Tensor]] = {"trunk": {}, "branch": {}, "pair": {}}
        for name, values in copies.items():
            sides[self._sides[name]][self._loose[name]] = values
        if isinstance(recorder, PairRecorder):
            return collect_pairs(rows, recorder, Loose(**sides), self.columns, scale)
        return collect(rows, recorder.uses, sides["trunk"], self.columns, scale)

    def found_by(self, other: FastPath) -> bool:
        """Takes over what a trial found, where nothing but linear layers acts.

        Args:
            other: The fast path of a source of the same form.

        Returns:
            Whether it could be taken over.
        """
        if not other._loose:
            self.width = other.width
        return not other._loose

    def trial(self, batch: Batch) -> str:
        """Finds out what acts where, and compares with reverse differentiation.

        Args:
            batch: Tensors of a few points.

        Returns:
            Why the fast path cannot be taken; empty if it can.
        """
        n = len(next(iter(batch.values())))
        try:
            rows, recorder = self._record(batch, n)
        except RefusedError as refusal:
            return str(refusal)
        self.width = 4 * sum(
            u.outputs[:, 0].numel() + u.inputs[:, 0].numel() for u in recorder.uses
        )
        generator = torch.Generator().manual_seed(0)
        w = 0.5 + torch.rand(rows.shape, generator=generator, dtype=torch.float64).to(rows)
        gradients = vjp(self.rows, batch, w)
        self._find_loose(recorder, gradients)
        loose = f"; outside linear layers are {', '.join(self._loose)}" if self._loose else ""
        try:
            factors = self.factors(batch, torch.ones(n, 1).to(rows))
        except MISFITS as misfit:
            return f"{type(misfit).__name__}: {misfit}{loose}"
        expected = flattened(gradients, self.columns)
        found = torch.zeros_like(expected)
        factors.vjp(w, found)
        # A copy for each point may have made other rows of the same parameters.
        if close(factors.z, rows.detach()) and close(found, expected):
            return ""
        return f"parameters act otherwise than by linear layers or point by point{loose}"

    def _find_loose(self, recorder: Recorder, gradients: Sequence[Tensor | None]) -> None:
        """Parameters that rows depend on and no linear layer has, and where they act."""
        inside = _parameters(recorder.uses)
        trained = zip(self.rows.trained().items(), gradients, strict=True)
        self._loose = {n: p for (n, p), g in trained if id(p) not in inside and g is not None}
        if isinstance(recorder, PairRecorder):
            self._sides = recorder.sides(self._loose)
        else:
            self._sides = dict.fromkeys(self._loose, "trunk")

    def _axes(self, name: str, n: int) -> tuple[int, ...]:
        """Axes of a parameter's copies, before its own."""
        m = self.functions
        if UNKNOWNS in name:
            return (n * max(1, m),)  # residuals see one number a row
        axes = {"trunk": (n,), "branch": (m,), "pair": (n, m)}[self._sides[name]]
        # In networks a number meets (points, neurons).
        return axes if self._loose[name].ndim else (*axes, 1)

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


def close(found: Tensor, expected: Tensor) -> bool:
    """Whether two tensors agree up to round-off of the largest entry, in their precision."""
    if found.shape != expected.shape:
        return False
    tolerance = 1e-8 if expected.dtype == torch.float64 else 1e-2
    size = float(expected.abs().nan_to_num().max())
    return torch.allclose(found, expected, rtol=0, atol=tolerance * size, equal_nan=True)


def _parameters(uses: Sequence[Use]) -> set[int]:
    return {id(p) for use in uses for p in (use.weight, use.bias, use.scale)}


def _copies(parameter: nn.Parameter, *axes: int) -> Tensor:
    """Copies in a shape that acts on each point's numbers as the original does."""
    return parameter.detach().expand(*axes, *parameter.shape).clone().requires_grad_()
