"""Residual rows with their weights, linearized: what second-order phases get from a solver."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pdenet.optim import Linearization
from pdenet.solvers.distributed import mean_over_ranks, rank_and_world
from pdenet.solvers.drawing import Drawing
from pdenet.tangent import Linearization as TangentProducts
from pdenet.tangent import Tangent
from pdenet.tangent.gathering import gather
from pdenet.tangent.source import RowSource

Rows = Mapping[str, Tensor]


@dataclass
class TangentRows(Linearization):
    """A linearization whose Jacobian is that of a tangent, with weights; float64.

    Args:
        loss: The objective over all processes.
        gradient: Its gradient, shape (P,).
        z: Weighted rows, shape (N,); None for an energy.
        shape: (N, P).
        rows: z and J at the parameters of this moment, weighted.
        loss_now: The objective over all processes, at the parameters as they are.
        rows_now: Weighted rows, shape (N,), at the parameters as they are.
    """

    rows: TangentProducts
    loss_now: Callable[[], Tensor]
    rows_now: Callable[[], Tensor]
    _jacobian: Tensor | None = field(default=None, repr=False)

    def dense(self) -> tuple[Tensor, Tensor | None]:
        """J and z."""
        if self._jacobian is None:
            self._jacobian = self.rows.dense().double()
        return self._jacobian, self.z

    def normal(self) -> Tensor:
        """J^T J; products of single precision would lose half of its digits."""
        if self.rows.z.dtype == torch.float64:
            return self.rows.normal()[0]
        jacobian, _ = self.dense()
        return jacobian.T @ jacobian

    def products(self, v: Tensor) -> Tensor:
        """J^T J times a block of vectors, (P, k) to (P, k)."""
        if v.shape[1] == 1 or 8 * self.shape[0] * self.shape[1] > self.rows.max_bytes:
            return super().products(v)
        jacobian, _ = self.dense()
        return jacobian.T @ (jacobian @ v)

    def jvp(self, v: Tensor) -> Tensor:
        """J v, shape (N,)."""
        return self.rows.jvp(v.to(self.rows.z)).double()

    def vjp(self, w: Tensor) -> Tensor:
        """J^T w, shape (P,)."""
        return self.rows.vjp(w.to(self.rows.z)).double()

    def residuals(self) -> Tensor:
        """Rows z at the parameters as they are now, shape (N,)."""
        return self.rows_now().double()

    def evaluate(self) -> float:
        """The objective at the parameters as they are now."""
        with torch.no_grad():
            return float(self.loss_now())


def linearize(
    loss: Tensor,
    drawing: Drawing,
    weights: Rows,
    tangent: Tangent,
    objective: Callable[[Rows, Rows], Tensor],
) -> TangentRows:
    """Weighted rows at a drawing's points, so that the loss is half their squared norm.

    Args:
        loss: The loss of this process at the parameters as they are.
        drawing: Points and the network.
        weights: The balance's weights by condition, shape () or (n,).
        tangent: J at the points, without weights.
        objective: The loss of this process, from rows and weights.

    Returns:
        The linearization, at the parameters as they are.
    """
    squares = {name: drawing.of_mean(name, weight) for name, weight in weights.items()}
    rows = tangent.linearize(squares)

    def loss_now() -> Tensor:
        return mean_over_ranks(objective(drawing.residuals(drawing.batch), weights), [])

    @torch.no_grad()
    def rows_now() -> Tensor:
        found, parts = drawing.residuals(drawing.batch), []
        for name, part in tangent.parts.items():
            mine = found[name].reshape(-1, part.k)[: part.count]
            root = (torch.as_tensor(squares[name]).to(mine) * part.scale[:, 0] ** 2).sqrt()
            parts.append(gather(root[: part.count, None] * mine, part).flatten())
        return torch.cat(parts)

    z = rows.z.double()
    gradient = rows.vjp(rows.z).double()
    total = float(mean_over_ranks(loss, []))
    return TangentRows(total, gradient, z, rows.shape, rows, loss_now, rows_now)


class HeldTangent:
    """J at a step's points; what it learns of the network serves all sets of points."""

    def __init__(self) -> None:
        self._held: tuple[int, Tangent] | None = None

    def at(self, drawing: Drawing, source: RowSource) -> Tangent:
        """J without weights, at the points of the last draw.

        Args:
            drawing: Holds the points.
            source: What J is taken of; the same at every call.

        Returns:
            The tangent; the one before while the points stay the same.
        """
        version = drawing.version
        points = {name: drawing.points[name] for name in source.names}
        if self._held is None:
            self._held = version, Tangent(source, points, shard=rank_and_world())
        elif self._held[0] != version:
            self._held = version, self._held[1].at(points)
        return self._held[1]
