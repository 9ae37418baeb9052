"""Points where the residual is large: residual-based adaptive distribution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pdenet.geometry import Points
from pdenet.sampling.adaptive import ADAPTATION, AdaptiveSampler, Turn


class ResidualAdaptiveSampler(AdaptiveSampler):
    r"""Draws interior points where residuals are large (RAD).

    Every ``every`` steps a pool of uniform points is scored by the residual r, and the new set is
    drawn from it without replacement, with probabilities

    .. math:: p(x) \propto \frac{|r(x)|^k}{\overline{|r|^k}} + c.

    Where several conditions hold on a region, r is the root of the sum of their squares. Regions of
    lower dimension get fresh uniform points.

    Args:
        points: Points in the interior; several regions of full dimension share them by measure.
        boundary_points: Points on each region of lower dimension.
        every: A fresh set every so many steps.
        counts: Points of single conditions by name.
        k: Power of the residual; larger ones concentrate more.
        c: Share of uniform points: 1 means half of them, 0 none.
        pool: Points that are scored, at least as many as are drawn.

    Raises:
        ValueError: A number is out of range.

    Reference:
        Wu, Zhu, Tan, Kartha and Lu, Comput. Methods Appl. Mech. Eng. 403 (2023), arXiv 2207.10289.
    """

    def __init__(
        self,
        *,
        points: int = 2048,
        boundary_points: int = 256,
        every: int = 500,
        counts: Mapping[str, int] | None = None,
        k: float = 1.0,
        c: float = 1.0,
        pool: int = 20_000,
    ) -> None:
        super().__init__(points=points, boundary_points=boundary_points, every=every, counts=counts)
        for name, value in (("k", k), ("c", c)):
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name}={value} must be at least 0 and finite.")
        self.k, self.c, self.pool = k, c, pool

    def bind(self, regions: Mapping[str, Any], seed: int) -> None:
        """Says where points are wanted; forgets what was adapted to other regions.

        Args:
            regions: Region of each condition, by the condition's name.
            seed: Non-negative whole number that all points depend on.

        Raises:
            ValueError: The pool is smaller than the set drawn from it.
        """
        super().bind(regions, seed)
        most = max((s.count for s in self.shares if s.interior), default=0)
        if self.pool < most:
            raise ValueError(
                f"pool={self.pool} is smaller than the {most} points to be drawn from it; ten "
                "times as many are usual."
            )

    def renew(self, turn: Turn) -> Points:
        """Scores a fresh pool and draws the new set from it.

        Args:
            turn: The adaptation.

        Returns:
            The set.
        """
        pool = turn.uniform(self.pool)
        ratio = self.ratio(turn.squares(pool).sqrt())
        chosen = without_replacement(ratio, turn.share.count, turn.words)
        density = ratio[chosen] / turn.region.measure
        weight = 1 / (turn.share.count * density)
        return Points.trusted(
            pool.coordinates, pool.x[chosen], weight, density, None, pool.space, None
        )

    def ratio(self, size: Tensor) -> Tensor:
        """Density of the new law over the uniform one.

        Args:
            size: Sizes of the residual at points of a uniform law, shape (n,).

        Returns:
            Shape (n,), dimensionless, with mean 1.

        Example:
            >>> ResidualAdaptiveSampler(k=1, c=1).ratio(torch.tensor([0.0, 2.0])).tolist()
            [0.5, 1.5]
        """
        return residual_ratio(size, self.k, self.c)


def residual_ratio(size: Tensor, k: float, c: float) -> Tensor:
    r"""The law :math:`|r|^k / \overline{|r|^k} + c` over the uniform one.

    Args:
        size: Sizes of the residual at points of a uniform law, shape (n,).
        k: Power.
        c: Share of the uniform law.

    Returns:
        Shape (n,), dimensionless, with mean 1.
    """
    # Divided by the largest first: powers of large residuals overflow.
    power = (size / size.max().clamp_min(torch.finfo(size.dtype).tiny)) ** k
    mean = power.mean()
    # No residual, or c = 0 at a point without one: a little of the uniform law is left.
    ratio = power / mean + c if mean > 0 else torch.ones_like(power)
    ratio = ratio.clamp_min(1e-9)
    return ratio / ratio.mean()


def without_replacement(ratio: Tensor, count: int, words: tuple[int, ...]) -> Tensor:
    """Draws rows with given probabilities, none twice.

    Args:
        ratio: Probabilities up to a factor, shape (n,).
        count: Number of rows drawn.
        words: Seed.

    Returns:
        Row numbers, shape (count,).
    """
    # The largest of log p plus Gumbel noise are draws without replacement.
    noise = np.random.default_rng((*words, ADAPTATION, 1)).gumbel(size=len(ratio))
    return (ratio.log() + torch.from_numpy(noise)).topk(count).indices
