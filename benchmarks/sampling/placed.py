"""Points where the solution is known to live: what no sampler can know, to tell points apart.

Where training fails even with these points, they are not all that is missing.
"""

from __future__ import annotations

from pdenet.geometry import Domain, Points
from pdenet.sampling import UniformSampler
from pdenet.sampling.base import Share

IN_THE_CORE = 0.9


class PlacedSampler(UniformSampler):
    """Uniform points, most of them in the core of the problem.

    Args:
        core: Where the solution lives.
        points: Points in the interior.
        boundary_points: Points on each region of lower dimension.
        every: A fresh set every so many steps.
    """

    def __init__(self, core: Domain, *, points: int, boundary_points: int, every: int) -> None:
        super().__init__(points=points, boundary_points=boundary_points, every=every)
        self.core = core

    def draw_share(self, share: Share, step: int) -> Points:
        """Points of one region.

        Args:
            share: The region and its number of points.
            step: Step of the training.

        Returns:
            Its points, in the interior those of the core first.
        """
        even = super().draw_share(share, step)
        if not share.interior:
            return even
        inside = round(IN_THE_CORE * share.count)
        core = self.core.sample(inside, seed=(*share.words(self.seed, self.epoch(step)), 1))
        both = Points.concatenate([core, even.select(slice(inside, None))])
        # Residuals are averaged without weights; these are not importance weights.
        return Points.trusted(both.coordinates, both.x, even.weight, even.density, None, both.space)
