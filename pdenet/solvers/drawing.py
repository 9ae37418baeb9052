"""The points of a step as tensors where the network is, and means over them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pdenet.geometry import Points
from pdenet.residuals import Batch, Residuals, tensors
from pdenet.sampling import Sampler
from pdenet.solvers.distributed import rank_and_world


class Drawing:
    """Draws points, keeps their tensors while they stay the same, and averages over them.

    Args:
        residuals: Network with its problem.
        sampler: Where the points come from; bound to the problem's regions.

    Attributes:
        points: All points of the last draw, by condition.
        mine: This process's share of them.
        batch: Their tensors.
        fixed: Names of conditions that keep the nodes of one rule, whatever the sampler draws.
        version: Number of sets taken so far; equal numbers are equal sets.
    """

    def __init__(self, residuals: Residuals, sampler: Sampler) -> None:
        self.residuals, self.sampler = residuals, sampler
        self.points: dict[str, Points] = {}
        self.mine: dict[str, Points] = {}
        self.batch: dict[str, Batch] = {}
        self.fixed: dict[str, Points] = {}
        self.version = 0
        self._drawn: dict[str, Points] | None = None
        self._shares: dict[str, Tensor | float] = {}

    def at(self, step: int) -> bool:
        """Draws the points of a step.

        Args:
            step: The step that decides the set.

        Returns:
            Whether another set took the place of one before.
        """
        if self.sampler.due(step):
            self.sampler.adapt(self.score, step)
        drawn = self.sampler.draw(step)
        if drawn is self._drawn:
            return False
        replaced, self._drawn, self.points = self._drawn is not None, drawn, dict(drawn)
        for name, points in drawn.items():
            self._take(name, points)
        self.version += 1
        return replaced

    def score(self, name: str, points: Points) -> Tensor:
        """Rows of a condition at any points; with a graph where the points require gradients.

        Args:
            name: The condition.
            points: Its points.

        Returns:
            Shape (n,) or (n, k).
        """
        if not points.x.requires_grad:
            return self.residuals.in_chunks({name: points})[name]
        like = next(self.residuals.model.parameters())
        return self.residuals.rows(name, tensors(self.residuals.conditions[name], points, like))

    def mean_square(self, name: str, rows: Tensor, weight: Tensor | float = 1.0) -> Tensor:
        """Weighted mean over all points of the sum over equations, once ranks are averaged.

        Args:
            name: The condition.
            rows: Its rows, shape (n,) or (n, k).
            weight: A number, or one for each point, shape (n,).

        Returns:
            Scalar.
        """
        squares = rows.square() if rows.ndim == 1 else rows.square().sum(-1)
        return (weight * self._shares[name] * squares).sum()

    def half_mean_squares(
        self, rows: Mapping[str, Tensor], weights: Mapping[str, Tensor]
    ) -> Tensor:
        """Half the weighted sum of all conditions' mean squares.

        Args:
            rows: Rows by condition.
            weights: A number for each condition, or one for each of its points.

        Returns:
            Scalar.
        """
        return torch.stack(
            [0.5 * self.mean_square(n, r, weights[n]) for n, r in rows.items()]
        ).sum()

    def of_mean(self, name: str, weight: Tensor) -> Tensor:
        """A weight in the loss, as a factor of squared rows in their plain mean.

        Args:
            name: The condition.
            weight: A number, or one for each of this process's points, shape (n,).

        Returns:
            Shape () or (n,).
        """
        if self.residuals.conditions[name].integral:
            return weight.reshape(())
        _, world = rank_and_world()
        return weight * self._shares[name] * (len(self.points[name]) / world)

    def _take(self, name: str, points: Points) -> None:
        rank, world = rank_and_world()
        condition = self.residuals.conditions[name]
        # Few random points would make an integral's one row a noisy number.
        if condition.integral:
            points = self.points[name] = condition.on.quadrature(len(points))
        elif name in self.fixed:
            points = self.points[name] = self.fixed[name]
        like = next(self.residuals.model.parameters())
        mine = points if condition.integral else points.shard(rank, world)
        self.mine[name], self.batch[name] = mine, self._tensors(name, mine)
        self._shares[name] = 1.0 if condition.integral else world * self._share(points, mine, like)

    def _tensors(self, name: str, points: Points) -> Batch:
        """What a condition's rows take at points."""
        return self.residuals.batch(name, points)

    def _share(self, points: Points, mine: Points, like: Tensor) -> Tensor | float:
        """Each point's part of a mean over all points: of the law, or by quadrature weight.

        Shards of unequal length still give the mean over all points once ranks are averaged.

        Args:
            points: All points of a condition.
            mine: This process's.
            like: Tensor whose dtype and device are taken.

        Returns:
            A number, or one for each of this process's points.
        """
        if not self.sampler.weighted:
            return 1.0 / len(points)
        return (mine.weight / torch.sum(points.weight)).to(like)
