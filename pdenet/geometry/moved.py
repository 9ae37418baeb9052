"""Regions and domains after a rigid motion."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import torch
from torch import Tensor

from pdenet.geometry.base import Placed, Region, Rule
from pdenet.geometry.domain import Domain
from pdenet.geometry.formulas import Formula, moved
from pdenet.geometry.motion import Motion


class MovedRegion(Region):
    """A region after a rigid motion of space.

    Args:
        region: The region before, without time and parameters.
        motion: Of its coordinates.
    """

    region: Region
    motion: Motion

    def __init__(self, region: Region, motion: Motion) -> None:
        self._set(
            coordinates=region.coordinates,
            label=region.label,
            dimension=region.dimension,
            measure=region.measure,
            bounds=_moved_bounds(region, motion),
            unit=region.unit,
            envelope=region.envelope,
            region=region,
            motion=motion,
            has_distance=region.has_distance,
            smooth=region.smooth,
        )

    def _key(self) -> Hashable:
        return self.region, self.motion

    def __repr__(self) -> str:
        return f"<{self.region!r}, moved>"

    def pieces(self) -> tuple[Region, ...]:
        """Return the moved pieces.

        Returns:
            The pieces.
        """
        pieces = self.region.pieces()
        return (self,) if len(pieces) == 1 else tuple(MovedRegion(p, self.motion) for p in pieces)

    def place(self, u: Tensor) -> Placed:
        """Map to the region before, then move.

        Args:
            u: Points of the cube, shape (n, unit).

        Returns:
            Their images.
        """
        x, normals, keep = self.region.place(u)
        return Placed(self.motion.forward(x), self._turn(normals), keep)

    def rule(self, n: int) -> Rule | None:
        """Return the moved rule.

        Args:
            n: Number of nodes wanted.

        Returns:
            The rule; None where the region has none.
        """
        rule = self.region.rule(n)
        if rule is None:
            return None
        return Rule(self.motion.forward(rule.x), rule.weight, self._turn(rule.normals))

    def _turn(self, normals: Tensor | None) -> Tensor | None:
        return None if normals is None else normals @ self.motion.rows.T

    def _distance(self, values: dict[str, Any]) -> Any:
        return self.region.distance(**self.motion.backward_values(self.coordinates, values))


class Moved(MovedRegion, Domain):
    """A domain after a rigid motion; its faces of constant coordinates are gone.

    Args:
        region: The domain before, without time and parameters.
        motion: Of its coordinates.
    """

    region: Domain  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, region: Domain, motion: Motion) -> None:
        super().__init__(region, motion)

    def _boundary(self) -> Region:
        return MovedRegion(self.region.boundary, self.motion)

    def contains(self, x: Tensor) -> Tensor:
        """Tell which points the domain held before the motion.

        Args:
            x: Points, shape (n, d).

        Returns:
            Mask, shape (n,).
        """
        return self.region.contains(self.motion.backward(x))

    def _formula(self) -> Formula | None:
        formula = self.region.formula
        return None if formula is None else moved(formula, self.coordinates, self.motion)

    def bubble(self, values: dict[str, Any]) -> Any:
        """Return the bubble of the domain before, at the points moved back.

        Args:
            values: Values by coordinate.

        Returns:
            The bubble's values.
        """
        return self.region.bubble(self.motion.backward_values(self.coordinates, values))


def _moved_bounds(region: Region, motion: Motion) -> dict[str, tuple[float, float]]:
    corners = torch.cartesian_prod(
        *(torch.tensor(region.bounds[c], dtype=torch.float64) for c in region.coordinates)
    )
    corners = motion.forward(corners.reshape(-1, len(region.coordinates)))
    low, high = corners.amin(0).tolist(), corners.amax(0).tolist()
    return {c: (low[i], high[i]) for i, c in enumerate(region.coordinates)}
