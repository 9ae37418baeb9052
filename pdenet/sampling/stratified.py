"""One random point in each of many equal cells."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pdenet.geometry import Points, Region
from pdenet.sampling.base import Sampler, Share


class StratifiedSampler(Sampler):
    """A random point in each cell of a grid, drawn afresh every ``every`` steps.

    Unbiased as independent points are; for smooth integrands in d dimensions the variance of an
    integral is of order n^(-1 - 2/d) instead of n^(-1). The number of points is about what was
    asked for: a power of the cells along an axis.

    Args:
        points: Points in the interior, about; several regions share them by measure.
        boundary_points: Points on each region of lower dimension, about.
        every: A fresh set every so many steps; None keeps the first one.
        counts: Points of single conditions by name, about.

    Raises:
        ValueError: A number is below 1.

    Reference:
        Haber, A modified Monte-Carlo quadrature, Math. Comp. 20 (1966), 361-368.

    Example:
        >>> from pdenet.geometry import Interval
        >>> rod = Interval(x=(0, 1))
        >>> sampler = StratifiedSampler(points=4)
        >>> sampler.bind({"equation": rod.interior}, seed=0)
        >>> (4 * sampler.draw(0)["equation"]["x"]).int().tolist()
        [0, 1, 2, 3]
    """

    def draw_share(self, share: Share, step: int) -> Points:
        """Points of one region.

        Args:
            share: The region and its number of points.
            step: Step of the training.

        Returns:
            Its points, of equal weight.
        """
        region, words = share.region, share.words(self.seed, self.epoch(step))
        if region.dimension == 0:
            return region.sample(share.count, seed=words)
        rng = np.random.default_rng(words)
        # Cells of what the region is cut from; those that lie outside give no point.
        cells = share.count * region.envelope / region.measure
        m = max(1, round(cells ** (1 / region.unit)))
        axes = [np.arange(m)] * region.unit
        corners = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, region.unit)
        u = torch.from_numpy((corners + rng.random(corners.shape)) / m)
        return placed_points(region, u, None)


def placed_points(region: Region, u: Tensor, weight: Tensor | None) -> Points:
    """Images of points of the unit cube, with quadrature weights.

    Args:
        region: The region.
        u: Points of the cube, shape (n, unit).
        weight: Weights of a rule on the cube, shape (n,); equal ones where None.

    Returns:
        Those that lie in the region; weights sum to its measure.
    """
    x, normals, keep = region.place(u)
    weight = torch.ones(len(u), dtype=torch.float64) if weight is None else weight
    if keep is not None:
        x, weight = x[keep], weight[keep]
        normals = None if normals is None else normals[keep]
    weight = weight * (region.measure / weight.sum())
    density = torch.full_like(weight, 1 / region.measure)
    return Points.trusted(region.coordinates, x, weight, density, normals, region.space)
