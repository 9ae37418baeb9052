"""Slow, obvious partial derivatives by nested autograd: the oracle that tests hold jets against."""

from collections.abc import Callable

import torch
from torch import Tensor

from pdenet.jets.index import Index, written_out
from pdenet.jets.jet import Jet
from pdenet.jets.layout import Layout


def propagate(module: Callable[[Tensor], Tensor], x: Tensor, layout: Layout) -> Jet:
    """What :func:`pdenet.jets.propagate` yields, one derivative after another.

    Args:
        module: Maps (n, d) to (n, ...), each point for itself.
        x: Points, shape (n, d).
        layout: Derivatives wanted.

    Returns:
        All channels, shape (c, n, ...), with a graph to the module's parameters.

    Example:
        >>> x = torch.tensor([[2.0]])
        >>> propagate(lambda x: x**3, x, Layout(("x",), [(0, 0)])).channels.flatten().tolist()
        [8.0, 12.0, 12.0]
    """
    with torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        value = module(x)
        columns = value.reshape(len(x), -1).unbind(1)
        channels = [
            torch.stack([_apply(index, column, x) for column in columns], 1).reshape(value.shape)
            for index in layout.channels
        ]
    return Jet(layout, torch.stack(channels))


def _apply(index: Index, column: Tensor, x: Tensor) -> Tensor:
    total = torch.zeros_like(column)
    for partial, count in written_out(index).items():
        term = column
        for axis in partial:
            term = _by(axis, term, x)  # type: ignore[arg-type]
        total = total + count * term
    return total


def _by(axis: int, column: Tensor, x: Tensor) -> Tensor:
    if not column.requires_grad:
        return torch.zeros_like(column)
    # Points do not depend on each other, so the gradient of the sum is every point's own.
    (grad,) = torch.autograd.grad(
        column.sum(), x, create_graph=True, allow_unused=True, materialize_grads=True
    )
    return grad[:, axis]
