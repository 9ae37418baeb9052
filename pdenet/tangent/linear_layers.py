"""The factors of J through linear layers, from one reverse pass for all points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from pdenet.tangent.factors import Factors, Outer, Plain
from pdenet.tangent.recorder import Use

Columns = Mapping[nn.Parameter, slice]
"""Where each parameter's columns are."""

Block = tuple[nn.Parameter, int, int]
"""A weight, and which of how many equal pieces of its rows."""

Leaves = Mapping[nn.Parameter, Tensor]
"""Parameters that act outside linear layers, and the copies, one a point, that stood for them."""


def collect(
    rows: Tensor, uses: Sequence[Use], leaves: Leaves, columns: Columns, scale: Tensor
) -> Factors:
    """Factors of the rows' derivatives.

    Args:
        rows: Shape (n, k), with a graph.
        uses: What was recorded while they were computed.
        leaves: Copies of other parameters in the same graph.
        columns: Where each parameter's columns are.
        scale: What rows are multiplied by, shape (n, 1).

    Returns:
        The factors.
    """
    found = Found(columns)
    ends = [use.outputs for use in uses] + list(leaves.values())
    if ends and rows.requires_grad:
        gradients = _gradients(rows, ends, scale)
        for use, gradient in zip(uses, gradients, strict=False):
            found.add_layer(use, gradient)
        for parameter, gradient in zip(leaves, gradients[len(uses) :], strict=True):
            found.add_copies(parameter, gradient)
    return found.factors(rows.detach() * scale)


def _gradients(rows: Tensor, ends: Sequence[Tensor], scale: Tensor) -> list[Tensor]:
    """Gradients of each row at its own point's part of the ends, shape (k, ...) each."""
    count = rows.shape[1]
    passes = [
        torch.autograd.grad(
            rows[:, k],
            ends,
            scale[:, 0],
            retain_graph=k + 1 < count,
            allow_unused=True,
            materialize_grads=True,
        )
        for k in range(count)
    ]
    if count == 1:
        return [gradient[None] for gradient in passes[0]]
    return [torch.stack(of_one_end) for of_one_end in zip(*passes, strict=True)]


class Found:
    """Factors so far, by parameter.

    Args:
        columns: Where each parameter's columns are.
    """

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.plain: dict[nn.Parameter, Tensor] = {}
        self.inputs: dict[Block, list[Tensor]] = {}
        self.gradients: dict[Block, list[Tensor]] = {}

    def add(self, parameter: nn.Parameter, values: Tensor) -> None:
        """Adds plain columns, shape (n, k, numbers)."""
        old = self.plain.get(parameter)
        self.plain[parameter] = values if old is None else old + values

    def add_copies(self, parameter: nn.Parameter, gradient: Tensor) -> None:
        """Adds what copies of a parameter give, one a point: gradients of shape (k, n, ...)."""
        self.add(parameter, gradient.flatten(1).unflatten(1, (gradient.shape[1], -1)).movedim(0, 1))

    def add_layer(self, use: Use, gradient: Tensor) -> None:
        """Adds what a layer gives; the gradient at its output has shape (k, c, n, ..., o)."""
        if use.blocks > 1:
            self._add_blocks(use, gradient)
            return
        inputs, gradient = _fold(use.inputs, axis=1), _fold(gradient, axis=2)  # (k, c m, n, o)
        channels = len(use.outputs)
        at_value = gradient.unflatten(1, (channels, -1))[:, 0].sum(1).movedim(0, 1)  # (n, k, o)
        if use.bias is not None:  # it acts on the value alone
            self.add(use.bias, at_value)
        if use.scale is not None:
            along = (gradient * _fold(use.outputs.detach(), axis=1)).sum(1).movedim(0, 1)
            # What the weight alone gives is the output without the bias.
            self.add(use.scale, along if use.shift is None else along - at_value * use.shift)
        if use.factor is not None:
            gradient = gradient * use.factor
        if use.weight is not None:
            self._add_outer((use.weight, 0, 1), inputs, gradient)

    def _add_blocks(self, use: Use, gradient: Tensor) -> None:
        """Adds what layers side by side give, each with rows of the weight of its own."""
        channels, at_values = len(use.outputs), []
        pairs = zip(use.inputs.unbind(-2), gradient.unbind(-2), strict=True)
        for block, (x, g) in enumerate(pairs):
            inputs, g = _fold(x, axis=1), _fold(g, axis=2)
            at_values.append(g.unflatten(1, (channels, -1))[:, 0].sum(1).movedim(0, 1))
            if use.weight is not None:
                self._add_outer((use.weight, block, use.blocks), inputs, g)
        if use.bias is not None:
            self.add(use.bias, torch.cat(at_values, dim=-1))

    def _add_outer(self, block: Block, inputs: Tensor, gradient: Tensor) -> None:
        self.inputs.setdefault(block, []).append(inputs)
        self.gradients.setdefault(block, []).append(gradient)

    def _columns_of(self, block: Block) -> slice:
        parameter, number, blocks = block
        size = parameter.numel() // blocks
        start = self.columns[parameter].start + number * size
        return slice(start, start + size)

    def factors(self, z: Tensor) -> Factors:
        """All that was found."""
        outers = [
            Outer(self._columns_of(b), _joined(self.inputs[b], 0), _joined(self.gradients[b], 1))
            for b in self.inputs
        ]
        return Factors(z, outers, [Plain(self.columns[p], v) for p, v in self.plain.items()])


def _fold(tensor: Tensor, axis: int) -> Tensor:
    """Axes between the points, at ``axis``, and the last become channels, the axis before."""
    if tensor.ndim == axis + 2:
        return tensor
    between = tensor.flatten(axis + 1, -2).movedim(axis + 1, axis)
    return between.flatten(axis - 1, axis)


def _joined(tensors: list[Tensor], dim: int) -> Tensor:
    return tensors[0] if len(tensors) == 1 else torch.cat(tensors, dim)
