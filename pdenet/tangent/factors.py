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
        for k in range(len(self.gradients)):
            self.write_row(k, out[:, k])

    def write_row(self, k: int, out: Tensor) -> None:
        """Writes the columns of the k-th row of each point to rows of J, shape (n, P)."""
        i, o = self.inputs.shape[-1], self.gradients.shape[-1]
        target = out[:, self.columns].unflatten(1, (o, i))
        torch.bmm(self.gradients[k].permute(1, 2, 0), self.inputs.movedim(0, 1), out=target)

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
        gradients = self.gradients.permute(2, 0, 1, 3)  # (n, k, r, o)
        return (pairs[:, None] * (gradients @ gradients.mT)).sum((2, 3))

    def in_rows(self) -> Outer:
        """The same, with every row a point of its own: (n k) of them."""
        gradients = self.gradients.permute(1, 2, 0, 3).flatten(1, 2)  # (r, n k, o)
        return Outer(
            self.columns, self.inputs.repeat_interleave(len(self.gradients), 1), gradients[None]
        )

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

    def write_row(self, k: int, out: Tensor) -> None:
        """Writes the columns of the k-th row of each point to rows of J, shape (n, P)."""
        out[:, self.columns] = self.values[:, k]

    def jvp(self, v: Tensor) -> Tensor:
        """J v, shape (n, k)."""
        return self.values @ v[self.columns]

    def vjp(self, w: Tensor, out: Tensor) -> None:
        """Adds J^T w, for w of shape (n, k), to ``out``, shape (P,)."""
        out[self.columns] += w.flatten() @ self.values.flatten(0, 1)

    def squared_norms(self) -> Tensor:
        """Squared norms of the rows, shape (n, k)."""
        return self.values.square().sum(2)

    def in_rows(self) -> Plain:
        """The same, with every row a point of its own: (n k) of them."""
        return Plain(self.columns, self.values.flatten(0, 1)[:, None])

    def select(self, part: slice) -> Plain:
        """Those of some points."""
        return replace(self, values=self.values[part])


@dataclass(frozen=True)
class Crossed:
    """Columns of an operator's branches, found with functions in the place of points.

    Args:
        part: Columns of the rows (m, n k): of each function, those of every point.
        points: Their number n.
    """

    part: Outer | Plain
    points: int

    @property
    def columns(self) -> slice:
        """Where they are."""
        return self.part.columns

    def write(self, out: Tensor) -> None:
        """Writes the columns to rows of J, shape (n, m k, P)."""
        turned = out.unflatten(1, (len_of(self.part), -1)).transpose(0, 1)  # (m, n, k, P)
        count = turned.shape[2]
        for point in range(self.points):
            for k in range(count):
                self.part.write_row(point * count + k, turned[:, point, k])

    def jvp(self, v: Tensor) -> Tensor:
        """J v, shape (n, m k)."""
        return _turned(self.part.jvp(v), self.points)

    def vjp(self, w: Tensor, out: Tensor) -> None:
        """Adds J^T w, for w of shape (n, m k), to ``out``, shape (P,)."""
        self.part.vjp(_turned(w, len_of(self.part)), out)

    def squared_norms(self) -> Tensor:
        """Squared norms of the rows, shape (n, m k)."""
        return _turned(self.part.squared_norms(), self.points)

    def select(self, part: slice) -> Crossed:
        """Those of some points."""
        points = len(range(*part.indices(self.points)))
        if isinstance(self.part, Plain):
            values = self.part.values.unflatten(1, (self.points, -1))[:, part].flatten(1, 2)
            return Crossed(replace(self.part, values=values), points)
        chosen = self.part.gradients.unflatten(0, (self.points, -1))[part].flatten(0, 1)
        return Crossed(replace(self.part, gradients=chosen), points)

    def in_rows(self) -> Outer | Plain:
        """The same, with every row a point of its own: (n m k) of them."""
        if isinstance(self.part, Plain):
            values = self.part.values.unflatten(1, (self.points, -1)).transpose(0, 1)
            return Plain(self.columns, values.flatten(0, 2)[:, None])
        gradients = self.part.gradients.unflatten(0, (self.points, -1))  # (n, k, r, m, o)
        count = gradients.shape[1]
        inputs = self.part.inputs[:, None, :, None]  # (r, 1, m, 1, i)
        return Outer(
            self.columns,
            inputs.expand(-1, self.points, -1, count, -1).flatten(1, 3),
            gradients.permute(2, 0, 3, 1, 4).flatten(1, 3)[None],
        )


def len_of(part: Outer | Plain) -> int:
    """Number of points that columns are of."""
    return len(part.values) if isinstance(part, Plain) else part.inputs.shape[1]


def _turned(rows: Tensor, count: int) -> Tensor:
    """Rows (m, n k) as (n, m k) for n = ``count``."""
    return rows.unflatten(1, (count, -1)).transpose(0, 1).flatten(1)


@dataclass(frozen=True)
class Factors:
    """The rows of J at some points of one condition; columns that nothing names are zero.

    Args:
        z: Values of the rows, shape (n, k).
        outers: Columns of weights; no two have columns in common.
        plains: Other columns.
        crossed: Columns of an operator's branches.
    """

    z: Tensor
    outers: Sequence[Outer]
    plains: Sequence[Plain]
    crossed: Sequence[Crossed] = ()

    @property
    def parts(self) -> list[Outer | Plain | Crossed]:
        """All columns that are not zero."""
        return [*self.outers, *self.plains, *self.crossed]

    @property
    def numbers(self) -> int:
        """Numbers that are held."""
        parts = [p.part if isinstance(p, Crossed) else p for p in self.parts]
        return self.z.numel() + sum(
            p.values.numel() if isinstance(p, Plain) else p.inputs.numel() + p.gradients.numel()
            for p in parts
        )

    def write(self, out: Tensor) -> None:
        """Writes the rows.

        Args:
            out: Shape (n, k, P); whatever stands there is overwritten.
        """
        end = 0
        for part in sorted(self.parts, key=lambda f: f.columns.start):
            out[:, :, end : part.columns.start] = 0
            part.write(out)
            end = part.columns.stop
        out[:, :, end:] = 0

    def jvp(self, v: Tensor) -> Tensor:
        """J v, for v of shape (P,); shape (n, k)."""
        total = torch.zeros_like(self.z)
        for part in self.parts:
            total += part.jvp(v)
        return total

    def vjp(self, w: Tensor, out: Tensor) -> None:
        """Adds J^T w, for w of shape (n, k), to ``out``, shape (P,)."""
        for part in self.parts:
            part.vjp(w, out)

    def squared_norms(self) -> Tensor:
        """Squared norms of the rows, shape (n, k)."""
        total = torch.zeros_like(self.z)
        for part in self.parts:
            total += part.squared_norms()
        return total

    def select(self, part: slice) -> Factors:
        """The rows of some of the points."""
        return Factors(
            self.z[part],
            [f.select(part) for f in self.outers],
            [f.select(part) for f in self.plains],
            [f.select(part) for f in self.crossed],
        )

    def in_rows(self) -> Factors:
        """The same, with every row a point of its own: shapes (n k, 1)."""
        turned = [f.in_rows() for f in self.crossed]
        outers = [f.in_rows() for f in self.outers] + [f for f in turned if isinstance(f, Outer)]
        plains = [f.in_rows() for f in self.plains] + [f for f in turned if isinstance(f, Plain)]
        return Factors(self.z.reshape(-1, 1), outers, plains)
