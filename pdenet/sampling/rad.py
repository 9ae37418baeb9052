"""Points where the residual is large: residual-based adaptive distribution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pdenet.geometry import Points
from pdenet.sampling.base import Sampler, Score, Share

ADAPTATION = 0x5241440  # one more word of the seed, so that the pool is not the set drawn before


class ResidualAdaptiveSampler(Sampler):
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
        if every is None:
            raise ValueError("An adaptive sampler needs every, the steps between adaptations.")
        for name, value in (("k", k), ("c", c)):
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name}={value} must be at least 0 and finite.")
        self.k, self.c, self.pool = k, c, pool
        self.adapted = 0  # epoch of the last adaptation
        self._sets: dict[str, dict[str, Tensor]] = {}

    def bind(self, regions: Mapping[str, Any], seed: int) -> None:
        """Says where points are wanted; forgets what was adapted to other regions.

        Args:
            regions: Region of each condition, by the condition's name.
            seed: Non-negative whole number that all points depend on.

        Raises:
            ValueError: The pool is smaller than the set drawn from it.
        """
        if self.shares:
            self.adapted, self._sets = 0, {}
        super().bind(regions, seed)
        most = max((s.count for s in self.shares if s.interior), default=0)
        if self.pool < most:
            raise ValueError(
                f"pool={self.pool} is smaller than the {most} points to be drawn from it; ten "
                "times as many are usual."
            )

    def version(self, step: int) -> object:
        """Epoch of the boundary points, and of the last adaptation."""
        return self.epoch(step), self.adapted

    def draw_share(self, share: Share, step: int) -> Points:
        """Points of one region.

        Args:
            share: The region and its number of points.
            step: Step of the training.

        Returns:
            The adapted set in the interior, once there is one; else uniform points.
        """
        known = self._sets.get(share.names[0])
        if known is not None:
            region = share.region
            return Points(region.coordinates, **known, space=region.space)
        epoch = 0 if share.interior else self.epoch(step)
        return share.region.sample(share.count, seed=share.words(self.seed, epoch))

    def due(self, step: int) -> bool:
        """Whether a new set is to be adapted before the points of this step are drawn."""
        return self.epoch(step) > self.adapted

    def adapt(self, score: Score, step: int) -> None:
        """Scores a fresh pool and draws the new set from it.

        Args:
            score: Gives residuals of a condition at points, shape (n,) or (n, k). A condition
                without a value at each point (an integral) is left out.
            step: Step of the training, from 0.

        Raises:
            ValueError: A residual is not finite.
        """
        epoch = self.epoch(step)
        for share in (s for s in self.shares if s.interior):
            words = (*share.words(self.seed, epoch), ADAPTATION)
            pool = share.region.sample(self.pool, seed=words)
            size = _joint_size(score, share, pool)
            if size is not None:
                self._sets[share.names[0]] = self._choose(share, pool, size, words)
        self.adapted = epoch

    def _choose(
        self, share: Share, pool: Points, size: Tensor, words: tuple[int, ...]
    ) -> dict[str, Tensor]:
        ratio = self.ratio(size)
        # The largest of log p plus Gumbel noise are draws without replacement.
        noise = np.random.default_rng((*words, 1)).gumbel(size=len(pool))
        chosen = (ratio.log() + torch.from_numpy(noise)).topk(share.count).indices
        density = ratio[chosen] / share.region.measure
        return {"x": pool.x[chosen], "weight": 1 / (share.count * density), "density": density}

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
        # Divided by the largest first: powers of large residuals overflow.
        power = (size / size.max().clamp_min(torch.finfo(size.dtype).tiny)) ** self.k
        mean = power.mean()
        # No residual, or c = 0 at a point without one: a little of the uniform law is left.
        ratio = power / mean + self.c if mean > 0 else torch.ones_like(power)
        ratio = ratio.clamp_min(1e-9)
        return ratio / ratio.mean()

    def get_extra_state(self) -> dict[str, Any]:
        """The adapted sets; not buffers, because those would follow the model's precision."""
        return {"adapted": self.adapted, "sets": self._sets}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Takes back what :meth:`get_extra_state` gave."""
        self.adapted = state["adapted"]
        self._sets = {
            name: {key: value.to("cpu") for key, value in values.items()}
            for name, values in state["sets"].items()
        }
        self._drawn = None


def _joint_size(score: Score, share: Share, pool: Points) -> Tensor | None:
    """Root of the sum of squares over conditions and their equations, shape (n,)."""
    squares = []
    for name in share.names:
        residual = score(name, pool).detach().to(device="cpu", dtype=torch.float64)
        if residual.shape[:1] != (len(pool),):
            continue
        if not bool(residual.isfinite().all()):
            raise ValueError(
                f"Condition {name!r} has residuals that are not finite at some points of "
                f"{share.region.label!r}, so none can be chosen by them. Check its formula there."
            )
        squares.append(residual.square().reshape(len(pool), -1).sum(1))
    return torch.stack(squares).sum(0).sqrt() if squares else None
