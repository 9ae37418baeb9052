"""Rows of J as they come out of a network: outer products of layers, and plain columns.

Where each row depends on one point, one reverse pass gives every row's own gradient at the outputs
of all layers. A row of J is then, for each weight, the sum over channels of the jet and over uses
of the layer of (gradient at the output) (input)^T. These factors are far smaller than J, and its
products need no more than them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Outer:
    """Columns of one weight: for each row of J, a sum of r outer products.

    Args:
        columns: Where they are.
        inputs: Shape (r, n, i).
        gradients: Shape (k, r, n, o), for k rows a point.
    """

    columns: slice
    inputs: Tensor
    gradients: Tensor

    def write(self, out: Tensor) -> None:
        """Writes the columns to rows of J, shape (n, k, P)."""
        i, o = self.inputs.shape[-1], self.gradients.shape[-1]
        right = self.inputs.movedim(0, 1)
        for k, gradient in enumerate(self.gradients):
            target = out[:, k, self.columns].unflatten(1, (o, i))
            torch.bmm(gradient.permute(1, 2, 0), right, out=target)

    def jvp(self, v: Tensor) -> Tensor:
        """J v, shape (n, k)."""
        i, o = self.inputs.shape[-1], self.gradients.shape[-1]
        moved = self.inputs @ v[self.columns].view(o, i).T
        return torch.stack([(g * moved).sum((0, 2)) for g in self.gradients], dim=1)

    def vjp(self, w: Tensor, out: Tensor) -> None:
        """Adds J^T w, for w of shape (n, k), to ``out``, shape (P,)."""
        left = (self.gradients * w.T[:, None, :, None]).sum(0)
        product = left.flatten(0, 1).T @ self.inputs.flatten(0, 1)
        out[self.columns] += product.flatten()

    def squared_norms(self) -> Tensor:
        """Squared norms of the rows, shape (n, k)."""
        inputs = self.inputs.movedim(0, 1)
        pairs = inputs @ inputs.mT  # (n, r, r)
        gradients = self.gradients.movedim(0, 2)  # (r, n, k, o) of (k, r, n, o)
        gradients = self.gradients.permute(2, 0, 1, 3)  # (n, k, r, o)
        return (pairs[:, None] * (gradients @ gradients.mT)).sum((2, 3))

    def select(self, part: slice) -> Outer:
        """Those of some points."""
        return replace(self, inputs=self.inputs[:, part], gradients=self.gradients[:, :, part])


@dataclass(frozen=True)
class Plain:
    """Columns as they are.

    Args:
        columns: Where they are.
        values: Shape (n, k, columns).
    """

    columns: slice
    values: Tensor

    def write(self, out: Tensor) -> None:
        """Writes the columns to rows of J, shape (n, k, P)."""
        out[:, :, self.columns] = self.values

    def jvp(self, v: Tensor) -> Tensor:
        """J v, shape (n, k)."""
        return self.values @ v[self.columns]

    def vjp(self, w: Tensor, out: Tensor) -> None:
        """Adds J^T w, for w of shape (n, k), to ``out``, shape (P,)."""
        out[self.columns] += w.flatten() @ self.values.flatten(0, 1)

    def squared_norms(self) -> Tensor:
        """Squared norms of the rows, shape (n, k)."""
        return self.values.square().sum(2)

    def select(self, part: slice) -> Plain:
        """Those of some points."""
        return replace(self, values=self.values[part])


@dataclass(frozen=True)
class Factors:
    """The rows of J at some points of one condition; columns that nothing names are zero.

    Args:
        z: Values of the rows, shape (n, k).
        outers: Columns of weights; no two have columns in common.
        plains: Other columns.
    """

    z: Tensor
    outers: Sequence[Outer]
    plains: Sequence[Plain]

    @property
    def numbers(self) -> int:
        """Numbers that are held."""
        outers = sum(f.inputs.numel() + f.gradients.numel() for f in self.outers)
        return self.z.numel() + outers + sum(f.values.numel() for f in self.plains)

    def write(self, out: Tensor) -> None:
        """Writes the rows.

        Args:
            out: Shape (n, k, P); whatever stands there is overwritten.
        """
        parts = [*self.outers, *self.plains]
        end = 0
        for part in sorted(parts, key=lambda f: f.columns.start):
            out[:, :, end : part.columns.start] = 0
            part.write(out)
            end = part.columns.stop
        out[:, :, end:] = 0

    def jvp(self, v: Tensor) -> Tensor:
        """J v, for v of shape (P,); shape (n, k)."""
        total = torch.zeros_like(self.z)
        for part in (*self.outers, *self.plains):
            total += part.jvp(v)
        return total

    def vjp(self, w: Tensor, out: Tensor) -> None:
        """Adds J^T w, for w of shape (n, k), to ``out``, shape (P,)."""
        for part in (*self.outers, *self.plains):
            part.vjp(w, out)

    def squared_norms(self) -> Tensor:
        """Squared norms of the rows, shape (n, k)."""
        total = torch.zeros_like(self.z)
        for part in (*self.outers, *self.plains):
            total += part.squared_norms()
        return total

    def select(self, part: slice) -> Factors:
        """The rows of some of the points."""
        return Factors(
            self.z[part],
            [f.select(part) for f in self.outers],
            [f.select(part) for f in self.plains],
        )
