"""Samplers that cover each region evenly: independent, Sobol and Latin-hypercube points."""

from __future__ import annotations

from typing import ClassVar

from pdenet.geometry import Points
from pdenet.sampling.base import Sampler, Share


class EvenSampler(Sampler):
    """Points of a uniform law, drawn afresh every ``every`` steps.

    Args:
        points: Points in the interior; several regions of full dimension share them by measure.
        boundary_points: Points on each region of lower dimension.
        every: A fresh set every so many steps; None keeps the first one.
        counts: Points of single conditions by name.

    Raises:
        ValueError: A number is below 1.
    """

    method: ClassVar[str]

    def draw_share(self, share: Share, step: int) -> Points:
        """Points of one region.

        Args:
            share: The region and its number of points.
            step: Step of the training.

        Returns:
            Its points.
        """
        words = share.words(self.seed, self.epoch(step))
        return share.region.sample(share.count, seed=words, method=self.method)


class UniformSampler(EvenSampler):
    """Independent uniform points.

    Args:
        points: Points in the interior; several regions of full dimension share them by measure.
        boundary_points: Points on each region of lower dimension.
        every: A fresh set every so many steps; None keeps the first one.
        counts: Points of single conditions by name.

    Raises:
        ValueError: A number is below 1.

    Example:
        >>> from pdenet.geometry import Box
        >>> domain = Box(x=(0, 1), t=(0, 2))
        >>> sampler = UniformSampler(points=100, every=5)
        >>> sampler.bind({"equation": domain.interior, "start": domain.initial}, seed=0)
        >>> points = sampler.draw(7)
        >>> {name: len(p) for name, p in points.items()}
        {'equation': 100, 'start': 256}
        >>> sampler.draw(9) is points, sampler.draw(10) is points
        (True, False)
    """

    method = "uniform"


class SobolSampler(EvenSampler):
    """Scrambled Sobol points: more even than independent ones; best for powers of two.

    Args:
        points: Points in the interior; several regions of full dimension share them by measure.
        boundary_points: Points on each region of lower dimension.
        every: A fresh scrambling every so many steps; None keeps the first one.
        counts: Points of single conditions by name.

    Raises:
        ValueError: A number is below 1.
    """

    method = "sobol"


class LatinHypercubeSampler(EvenSampler):
    """Latin-hypercube points: even along each coordinate.

    Args:
        points: Points in the interior; several regions of full dimension share them by measure.
        boundary_points: Points on each region of lower dimension.
        every: A fresh set every so many steps; None keeps the first one.
        counts: Points of single conditions by name.

    Raises:
        ValueError: A number is below 1.
    """

    method = "latin-hypercube"
