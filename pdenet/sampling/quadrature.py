"""Nodes of a quadrature rule: the same in every step, or with panels that shift."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from pdenet.geometry import Points, Region
from pdenet.geometry.unit import gauss, per_axis, tensor_rule
from pdenet.sampling.base import Sampler, Share
from pdenet.sampling.stratified import placed_points

PANEL = 6  # nodes along an axis: exact to degree 11
MOST_AXES = 3  # beyond, a tensor rule has too few nodes along each


class QuadratureSampler(Sampler):
    """Gauss-Legendre nodes where the region has such a rule, else Sobol points.

    Averages must use the points' weights: the nodes crowd towards the ends of an interval. A fixed
    rule leaves gaps that a network may find: with ``every`` the rule is cut into panels of 6 nodes
    along each axis, whose ends are shifted at random, so that the gaps move while every set is as
    accurate.

    Args:
        points: Nodes in the interior, about; several regions share them by measure.
        boundary_points: Nodes on each region of lower dimension, about.
        counts: Nodes of single conditions by name, about.
        every: Another shift every so many steps; None keeps one rule.

    Raises:
        ValueError: A number is below 1.
    """

    weighted = True

    def __init__(
        self,
        *,
        points: int = 2048,
        boundary_points: int = 256,
        counts: Mapping[str, int] | None = None,
        every: int | None = None,
    ) -> None:
        super().__init__(points=points, boundary_points=boundary_points, every=every, counts=counts)

    def draw_share(self, share: Share, step: int) -> Points:
        """Nodes of one region.

        Args:
            share: The region and its number of points.
            step: Step of the training.

        Returns:
            Its nodes.
        """
        region = share.region
        if self.every is None or region.dimension == 0:
            return region.quadrature(share.count)
        words = share.words(self.seed, self.epoch(step))
        rng, pieces = np.random.default_rng(words), region.pieces()
        mapped = region.unit <= MOST_AXES and all(p.smooth for p in pieces)
        if not mapped or region.rule(share.count) is None:
            return region.sample(share.count, seed=words, method="sobol")
        parts = [_of_piece(p, share.count * p.measure / region.measure, rng) for p in pieces]
        return parts[0] if len(parts) == 1 else Points.concatenate(parts)


def _of_piece(piece: Region, n: float, rng: np.random.Generator) -> Points:
    """Shifted panels on one smooth piece of a region."""
    m = per_axis(max(1, round(n)), piece.unit)
    u, weight = tensor_rule([_shifted(m, rng.random()) for _ in range(piece.unit)])
    return placed_points(piece, u, weight)


def _shifted(m: int, shift: float) -> tuple[Tensor, Tensor]:
    """A rule of about m nodes on the unit interval, in panels whose ends are shifted.

    Args:
        m: Number of nodes wanted.
        shift: Length of the first panel, in panels, between 0 and 1.

    Returns:
        Nodes and weights, of up to one panel more.
    """
    panels = max(1, round(m / PANEL))
    inner = (torch.arange(panels, dtype=torch.float64) + shift) / panels
    ends = torch.cat([torch.zeros(1, dtype=torch.float64), inner, torch.ones(1)])
    lengths = ends.diff()
    nodes, weights = gauss(min(m, PANEL))
    u = (ends[:-1, None] + lengths[:, None] * nodes).reshape(-1)
    return u, (lengths[:, None] * weights).reshape(-1)
