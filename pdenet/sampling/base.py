"""What every sampler does: share points among regions, draw them, hand out the same set again."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from pdenet.geometry import Points, Region

Score = Callable[[str, Points], Tensor]
"""Residuals of a condition at points: shape (n,), or (n, k) for k equations. Where ``points.x``
requires gradients, a graph leads back to it."""


@dataclass(frozen=True)
class Share:
    """A region, the conditions that hold on it, and how many points it gets."""

    region: Region
    names: tuple[str, ...]
    count: int

    @property
    def interior(self) -> bool:
        """Whether the region has full dimension."""
        return self.region.dimension == len(self.region.coordinates)

    def words(self, seed: int, epoch: int) -> tuple[int, int, int]:
        """Seed of this share's points: the same in every process and on every machine."""
        return seed, epoch, zlib.crc32(self.names[0].encode())


class Sampler(nn.Module, ABC):
    """Points for every condition of a problem.

    Conditions on the same region share one set of points, so that a network is evaluated there
    once. What is drawn is a pure function of (seed, step, condition) and of the sampler's own
    state, which its ``state_dict`` holds; the global random generator is never touched.

    Args:
        points: Points in the interior; several regions of full dimension share them by measure.
        boundary_points: Points on each region of lower dimension. Regions of dimension 0 (single
            points, data) give all that they have.
        every: A fresh set every so many steps; None keeps the first one.
        counts: Points of single conditions by name, instead of the rule above.

    Raises:
        ValueError: A number is below 1.
    """

    weighted = False
    """Whether averages over the points must use their weights."""
    consistent = True
    """Whether sums with the points' weights estimate integrals."""
    needs_features = False
    """Whether a solver must tell the features of a last layer, as the least-squares solver does."""

    def __init__(
        self,
        *,
        points: int = 2048,
        boundary_points: int = 256,
        every: int | None = 10,
        counts: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__()
        self.points, self.boundary_points, self.every = points, boundary_points, every
        self.counts = dict(counts or {})
        named = {"points": points, "boundary_points": boundary_points, "every": every}
        named |= {f"counts[{name!r}]": count for name, count in self.counts.items()}
        for name, value in named.items():
            if value is None and name == "every":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(
                    f"{type(self).__name__}({name}={value!r}): it must be a whole number, at "
                    "least 1."
                )
        self.seed = 0
        self.shares: tuple[Share, ...] = ()
        self._drawn: tuple[object, dict[str, Points]] | None = None

    def bind(self, regions: Mapping[str, Region], seed: int) -> None:
        """Says where points are wanted.

        Args:
            regions: Region of each condition, by the condition's name.
            seed: Non-negative whole number that all points depend on.

        Raises:
            ValueError: ``counts`` names a condition that is not there, or asks for different
                numbers on one region; or there are no regions.
        """
        if not regions:
            raise ValueError("A sampler needs at least one region; the problem has no conditions.")
        if unknown := set(self.counts) - set(regions):
            raise ValueError(
                f"counts names {sorted(unknown)}, but the conditions are {sorted(regions)}."
            )
        groups: dict[Region, list[str]] = {}
        for name, region in regions.items():
            groups.setdefault(region, []).append(name)
        total = sum(r.measure for r in groups if r.dimension == len(r.coordinates))
        self.shares = tuple(
            Share(region, tuple(names), self._count(region, names, total))
            for region, names in groups.items()
        )
        self.seed, self._drawn = seed, None

    def draw(self, step: int) -> dict[str, Points]:
        """Points of every condition, in float64 on the CPU.

        Args:
            step: Step of the training, from 0.

        Returns:
            Points by condition. As long as the set is the same, so is the object returned.

        Raises:
            ValueError: The sampler is not bound to regions yet.
        """
        if not self.shares:
            raise ValueError("Call bind(regions, seed) before draw(step).")
        version = self.version(step)
        if self._drawn is None or self._drawn[0] != version:
            drawn = {}
            for share in self.shares:
                drawn |= dict.fromkeys(share.names, self.draw_share(share, step))
            self._drawn = (version, drawn)
        return self._drawn[1]

    def epoch(self, step: int) -> int:
        """Number of the set that a step uses, from 0."""
        return 0 if self.every is None else step // self.every

    def version(self, step: int) -> object:
        """What the set depends on besides the seed; equal versions are equal sets."""
        return self.epoch(step)

    @abstractmethod
    def draw_share(self, share: Share, step: int) -> Points:
        """Points of one region."""

    def due(self, step: int) -> bool:
        """Whether :meth:`adapt` is to be called before the points of this step are drawn."""
        return False

    def adapt(self, score: Score, step: int) -> None:
        """Moves the law of the points to where it pays; most samplers have nothing to do.

        Args:
            score: Gives residuals of a condition at points.
            step: Step of the training, from 0.
        """

    def report(self) -> dict[str, Any] | None:
        """What the sampler did, as ``{history, frames, warnings}`` of plain data; None: nothing."""
        return None

    def _count(self, region: Region, names: list[str], total: float) -> int:
        wished = {self.counts[name] for name in names if name in self.counts}
        if len(wished) > 1:
            raise ValueError(
                f"Conditions {names} share the points of region {region.label!r}, but counts asks "
                f"for {sorted(wished)} of them; give one number."
            )
        if wished:
            return wished.pop()
        if region.dimension == 0:
            return max(1, round(region.measure))
        if region.dimension < len(region.coordinates):
            return self.boundary_points
        return max(1, round(self.points * region.measure / total))
