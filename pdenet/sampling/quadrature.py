"""Nodes of a quadrature rule, the same in every step."""

from __future__ import annotations

from collections.abc import Mapping

from pdenet.geometry import Points
from pdenet.sampling.base import Sampler, Share


class QuadratureSampler(Sampler):
    """Gauss-Legendre nodes where the region has such a rule, else fixed Sobol points.

    Averages must use the points' weights: the nodes crowd towards the ends of an interval.

    Args:
        points: Nodes in the interior, about; several regions share them by measure.
        boundary_points: Nodes on each region of lower dimension, about.
        counts: Nodes of single conditions by name, about.

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
    ) -> None:
        super().__init__(points=points, boundary_points=boundary_points, every=None, counts=counts)

    def draw_share(self, share: Share, step: int) -> Points:
        """Nodes of one region.

        Args:
            share: The region and its number of points.
            step: Step of the training; of no effect.

        Returns:
            Its nodes.
        """
        return share.region.quadrature(share.count)
