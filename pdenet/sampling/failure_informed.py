"""Failure-informed sampling: points where the residual exceeds a tolerance."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from pdenet.geometry import Domain, Points, Region
from pdenet.sampling.adaptive import AdaptiveSampler, Turn, joined, require

MOST_MOVES = 8
JITTER = 1e-6  # of the box's edge, added to variances: a Gaussian of one point has none


class FailureInformedSampler(AdaptiveSampler):
    """Adds points of the failure set, where the residual exceeds a tolerance (FI-PINN, SAIS).

    A Gaussian, truncated to the region, moves to the failure set by self-adaptive importance
    sampling: of each batch the share ``elite`` with the largest residuals gives its next mean and
    covariance, until at least that share of a batch fails. Then ``share`` of the points are failing
    draws, the others uniform. The failure probability, an indicator of when to stop, is in the
    history as ``failure``.

    Args:
        points: Points in the interior; several regions of full dimension share them by measure.
        boundary_points: Points on each region of lower dimension.
        every: Steps between two adaptations.
        counts: Points of single conditions by name.
        tolerance: Residual from which a point fails; None takes the root mean square over the
            points so far.
        share: Share of the points that are failing ones.
        elite: Share p0 of a batch that the Gaussian follows.
        batch: Points of a batch.

    Raises:
        ValueError: A number is out of range.

    Reference:
        Gao, Yan and Zhou, Failure-informed adaptive sampling for PINNs, SIAM J. Sci. Comput. 45(4),
        2023, A1971-A1994.
    """

    consistent = False

    def __init__(
        self,
        *,
        points: int = 2048,
        boundary_points: int = 256,
        every: int = 500,
        counts: Mapping[str, int] | None = None,
        tolerance: float | None = None,
        share: float = 0.5,
        elite: float = 0.1,
        batch: int = 2000,
    ) -> None:
        super().__init__(points=points, boundary_points=boundary_points, every=every, counts=counts)
        require(
            self,
            tolerance=(
                tolerance,
                tolerance is None or 0 < tolerance < float("inf"),
                "positive and finite",
            ),
            share=(share, 0 < share < 1, "between 0 and 1"),
            elite=(elite, 0 < elite < 1, "between 0 and 1"),
            batch=(batch, batch * elite >= 10, f"at least {math.ceil(10 / elite)}"),
        )
        self.tolerance, self.share, self.elite, self.batch = tolerance, share, elite, batch

    def renew(self, turn: Turn) -> Points:
        """Finds the failure set and draws in it.

        Args:
            turn: The adaptation.

        Returns:
            Failing and uniform points.
        """
        tolerance = self.tolerance or float(turn.before.mean().sqrt())
        x, ratio, size = self._scored(turn, None, 0)
        for move in range(1, MOST_MOVES):
            if float((size > tolerance).double().mean()) >= self.elite:
                break
            top = size.topk(int(self.elite * self.batch)).indices
            x, ratio, size = self._scored(turn, _moments(x[top], turn.region), move)
        failing = size > tolerance
        self.history.note(failure=float((failing * ratio).mean()))
        count = min(round(self.share * turn.share.count), int(failing.sum()))
        even = turn.uniform(turn.share.count - count)
        if count == 0:
            return even
        # The batch is a random order already.
        chosen = _points(turn.region, x[failing][:count])
        return joined(even, chosen, turn.region.measure)

    def _scored(
        self, turn: Turn, gaussian: tuple[Tensor, Tensor] | None, move: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Points of a batch, their densities' ratios, and the residuals' sizes."""
        x, ratio = self._batch(turn, gaussian, move)
        return x, ratio, turn.squares(_points(turn.region, x)).sqrt()

    def _batch(
        self, turn: Turn, gaussian: tuple[Tensor, Tensor] | None, move: int
    ) -> tuple[Tensor, Tensor]:
        """Points, and the uniform density over that which they were drawn from."""
        if gaussian is None:
            return turn.uniform(self.batch).x, torch.ones(self.batch, dtype=torch.float64)
        mean, factor = gaussian
        kept, tried, found = [], 0, 0
        random = np.random.default_rng((*turn.words, 5, move))
        while found < self.batch and tried < 200 * self.batch:
            z = torch.from_numpy(random.standard_normal((2 * self.batch, len(mean))))
            x = mean + z @ factor.T
            inside = _inside(turn.region, x)
            kept.append((x[inside], z[inside]))
            tried, found = tried + len(x), found + int(inside.sum())
        x, z = (torch.cat(parts)[: self.batch] for parts in zip(*kept, strict=True))
        log_density = -0.5 * z.square().sum(1) - 0.5 * len(mean) * math.log(2 * math.pi)
        log_density = log_density - factor.diagonal().log().sum() - math.log(found / tried)
        return x, torch.exp(-log_density) / turn.region.measure


def _moments(x: Tensor, region: Region) -> tuple[Tensor, Tensor]:
    """Mean, and a triangular factor of the covariance."""
    edges = torch.tensor([high - low for low, high in region.bounds.values()], dtype=torch.float64)
    covariance = torch.cov(x.T).reshape(len(edges), -1) + torch.diag((JITTER * edges) ** 2)
    return x.mean(0), torch.linalg.cholesky(covariance)


def _inside(region: Region, x: Tensor) -> Tensor:
    low, high = torch.tensor(list(region.bounds.values()), dtype=torch.float64).T
    inside = ((x > low) & (x < high)).all(1)
    return inside & region.contains(x) if isinstance(region, Domain) else inside


def _points(region: Region, x: Tensor) -> Points:
    even = torch.full((len(x),), 1 / region.measure, dtype=torch.float64)
    weight = torch.full_like(even, region.measure / max(1, len(x)))
    return Points.trusted(region.coordinates, x, weight, even, None, region.space)
