"""Sets that grow where the residual is large: RAR and RAR-D."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from pdenet.geometry import Points
from pdenet.sampling.adaptive import AdaptiveSampler, Turn, joined, require
from pdenet.sampling.base import Share
from pdenet.sampling.rad import residual_ratio, without_replacement


class ResidualRefinement(AdaptiveSampler):
    """Adds the points of a pool where the residual is largest (RAR), until all are there.

    It starts from a part of the points. Once all are there, the set stays: no point ever leaves.
    The law of the whole is not known, so the points' weights are equal, and sums with them are no
    integrals.

    Args:
        points: Points in the interior at the end; several regions share them by measure.
        boundary_points: Points on each region of lower dimension.
        every: Steps between two additions.
        counts: Points of single conditions by name, at the end.
        start: Share of the points that is there from the start, uniformly drawn.
        turns: Number of additions.
        pool: Points that are scored.

    Raises:
        ValueError: A number is out of range.

    Reference:
        Lu, Meng, Mao and Karniadakis, DeepXDE, SIAM Review 63(1), 2021, 208-228.
    """

    consistent = False

    def __init__(
        self,
        *,
        points: int = 2048,
        boundary_points: int = 256,
        every: int = 500,
        counts: Mapping[str, int] | None = None,
        start: float = 0.5,
        turns: int = 10,
        pool: int = 10_000,
    ) -> None:
        super().__init__(points=points, boundary_points=boundary_points, every=every, counts=counts)
        require(
            self,
            start=(start, 0 < start <= 1, "above 0 and at most 1"),
            turns=(turns, turns >= 1, "at least 1"),
            pool=(pool, pool >= points, f"at least points={points}"),
        )
        self.start, self.turns, self.pool = start, turns, pool

    def first(self, share: Share) -> int:
        """Number of points before the first addition."""
        return max(1, round(self.start * share.count))

    def renew(self, turn: Turn) -> Points:
        """The set with some points more.

        Args:
            turn: The adaptation.

        Returns:
            The set.
        """
        left = turn.share.count - len(turn.now)
        if left <= 0:
            return turn.now
        step = -(-(turn.share.count - self.first(turn.share)) // self.turns)
        pool = turn.uniform(self.pool)
        chosen = self.choose(turn.squares(pool).sqrt(), min(left, step), turn.words)
        return joined(turn.now, pool.select(chosen), turn.region.measure)

    def choose(self, size: Tensor, count: int, words: tuple[int, ...]) -> Tensor:
        """The largest.

        Args:
            size: Sizes of the residual over the pool, shape (n,).
            count: How many.
            words: Seed; of no effect.

        Returns:
            Row numbers, shape (count,).
        """
        return size.topk(count).indices


class ResidualRefinementDistribution(ResidualRefinement):
    r"""Adds points drawn from a pool by :math:`p \propto |r|^k / \overline{|r|^k} + c` (RAR-D).

    Args:
        points: Points in the interior at the end; several regions share them by measure.
        boundary_points: Points on each region of lower dimension.
        every: Steps between two additions.
        counts: Points of single conditions by name, at the end.
        start: Share of the points that is there from the start, uniformly drawn.
        turns: Number of additions.
        pool: Points that are scored.
        k: Power of the residual.
        c: Share of uniform points.

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
        start: float = 0.5,
        turns: int = 10,
        pool: int = 10_000,
        k: float = 2.0,
        c: float = 0.0,
    ) -> None:
        super().__init__(
            points=points,
            boundary_points=boundary_points,
            every=every,
            counts=counts,
            start=start,
            turns=turns,
            pool=pool,
        )
        good = "at least 0 and finite"
        require(self, k=(k, 0 <= k < float("inf"), good), c=(c, 0 <= c < float("inf"), good))
        self.k, self.c = k, c

    def choose(self, size: Tensor, count: int, words: tuple[int, ...]) -> Tensor:
        """Draws without replacement.

        Args:
            size: Sizes of the residual over the pool, shape (n,).
            count: How many.
            words: Seed.

        Returns:
            Row numbers, shape (count,).
        """
        return without_replacement(residual_ratio(size, self.k, self.c), count, words)
