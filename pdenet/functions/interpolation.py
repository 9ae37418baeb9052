"""Values on a grid, at any points between: cubic polynomials along each coordinate."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

DEGREE = 3


def interpolate(axes: Sequence[Tensor], table: Tensor, x: Tensor) -> Tensor:
    """Functions on a grid, by Lagrange polynomials on the nodes around each point.

    Order 4 where there are four nodes; continuous, with kinks in the slope at the nodes. Outside
    the grid the value at the nearest point of its boundary is taken.

    Args:
        axes: Rising sides of the grid, each of shape (n_i,) with at least two nodes.
        table: Values, shape (m, n_1 n_2 ...), the last coordinate fastest.
        x: Points, shape (n, d).

    Returns:
        Shape (n, m).

    Example:
        >>> side = torch.linspace(0, 1, 5)
        >>> round(interpolate([side], side[None] ** 3, torch.tensor([[0.6]])).item(), 4)
        0.216
    """
    index = torch.zeros(len(x), 1, dtype=torch.long, device=x.device)
    weight = torch.ones(len(x), 1, dtype=x.dtype, device=x.device)
    for i, axis in enumerate(axes):
        stencil, share = around(axis, x[:, i])
        index = (index[:, :, None] * len(axis) + stencil[:, None, :]).flatten(1)
        weight = (weight[:, :, None] * share[:, None, :]).flatten(1)
    return torch.einsum("mns,ns->nm", table[:, index], weight)


def around(axis: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """The nodes around each point, and their weights.

    Args:
        axis: Rising nodes, shape (k,).
        x: Shape (n,).

    Returns:
        Indices and weights, each of shape (n, degree + 1).
    """
    degree = min(DEGREE, len(axis) - 1)
    x = x.clamp(axis[0], axis[-1])
    first = torch.searchsorted(axis, x.detach().contiguous(), right=True) - 1 - (degree - 1) // 2
    index = first.clamp(0, len(axis) - 1 - degree)[:, None] + torch.arange(
        degree + 1, device=x.device
    )
    nodes = axis[index]
    weights = []
    for j in range(degree + 1):
        others = [k for k in range(degree + 1) if k != j]
        apart = (x[:, None] - nodes[:, others]) / (nodes[:, [j]] - nodes[:, others])
        weights.append(apart.prod(1))
    return index, torch.stack(weights, 1)
