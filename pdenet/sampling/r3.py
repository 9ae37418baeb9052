"""Retain, resample, release: points stay where the residual is large, the others are redrawn."""

from __future__ import annotations

from collections.abc import Mapping

from pdenet.geometry import Points
from pdenet.sampling.adaptive import AdaptiveSampler, Turn, joined


class RetainResampleRelease(AdaptiveSampler):
    """Retains points whose residual exceeds the mean, and redraws the others uniformly (R3).

    A retained point is released as soon as its residual falls under the mean. No pool is scored:
    an adaptation costs one evaluation at the points themselves, so it may come often. The law of
    the points is not known, so their weights are equal.

    Args:
        points: Points in the interior; several regions of full dimension share them by measure.
        boundary_points: Points on each region of lower dimension.
        every: Steps between two adaptations.
        counts: Points of single conditions by name.

    Raises:
        ValueError: A number is below 1.

    Reference:
        Daw, Bu, Wang, Perdikaris and Karpatne, Mitigating propagation failures in PINNs using
        retain-resample-release sampling, ICML 2023.
    """

    consistent = False

    def __init__(
        self,
        *,
        points: int = 2048,
        boundary_points: int = 256,
        every: int = 10,
        counts: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(points=points, boundary_points=boundary_points, every=every, counts=counts)

    def renew(self, turn: Turn) -> Points:
        """The retained points, and fresh ones in place of the others.

        Args:
            turn: The adaptation.

        Returns:
            As many points as before.
        """
        size = turn.before.sqrt()
        kept = turn.now.select(size > size.mean())
        fresh = turn.uniform(turn.share.count - len(kept))
        return joined(kept, fresh, turn.region.measure) if len(kept) else fresh
