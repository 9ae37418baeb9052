"""Balls of any dimension, and disks."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

from pdenet.geometry.base import Placed, Region, Rule
from pdenet.geometry.domain import Domain
from pdenet.geometry.formulas import Formula, Inside
from pdenet.geometry.motion import Motion
from pdenet.geometry.sphere import (
    Sphere,
    check_round,
    directions,
    sphere_rule,
)
from pdenet.geometry.union import Union
from pdenet.geometry.unit import gauss_jacobi


class Ball(Domain):
    """A ball of any dimension from 2 on.

    Args:
        center: Its d coordinates.
        radius: Positive.
        coordinates: Names of the coordinates.

    Raises:
        ValueError: Radius not positive, numbers not finite or not as many as names, d < 2.

    Example:
        >>> round(Ball(center=(0, 0, 0), radius=1).measure, 6)
        4.18879
    """

    center: tuple[float, ...]
    radius: float
    _sphere: Sphere
    simple = True

    def __init__(
        self,
        center: Sequence[float],
        radius: float,
        *,
        coordinates: Sequence[str] = ("x", "y", "z"),
    ) -> None:
        names, center, radius = check_round(type(self).__name__, center, radius, coordinates)
        sphere = Sphere(center, radius, names)
        self._set(
            coordinates=names,
            label="interior",
            dimension=len(names),
            measure=sphere.measure * radius / len(names),
            bounds=sphere.bounds,
            unit=1 + sphere.unit,
            center=center,
            radius=radius,
            _sphere=sphere,
        )

    def _key(self) -> Hashable:
        return self.coordinates, self.center, self.radius

    def __repr__(self) -> str:
        return f"{type(self).__name__}(center={self.center}, radius={self.radius:g})"

    def place(self, u: Tensor) -> Placed:
        """Map the cube to radius and direction.

        Args:
            u: Points of the cube, shape (n, unit).

        Returns:
            Their images.
        """
        d = len(self.center)
        radius = u[:, :1].sqrt() if d == 2 else u[:, :1].pow(1 / d)
        reach = directions(u[:, 1:], d).mul_(radius)
        return Placed(torch.add(self._sphere._center, reach, alpha=self.radius))

    def rule(self, n: int) -> Rule | None:
        """Return the product rule in spherical coordinates with about ``n`` nodes.

        Gauss-Jacobi in the radius too: with m nodes along it, exact for polynomials of degree
        2 m - 1.

        Args:
            n: Number of nodes wanted.

        Returns:
            The rule; None beyond 3 dimensions when there would be fewer than 4 nodes an axis.
        """
        d = len(self.center)
        m = max(1, round((n / 2) ** (1 / d)))
        if d > 3 and m < 4:
            return None
        x, weight = ball_rule(d, m)
        return Rule(self._sphere._center + self.radius * x, weight * self.radius**d)

    def contains(self, x: Tensor) -> Tensor:
        """Tell which points are no farther from the centre than the radius.

        Args:
            x: Points, shape (n, d).

        Returns:
            Mask, shape (n,).
        """
        return (x - self._sphere._center.to(x)).square().sum(-1) <= self.radius**2

    def _boundary(self) -> Region:
        return Union([self._sphere], "boundary", self.bubble)

    def _moved(self, motion: Motion) -> Domain:
        center = motion.forward(self._sphere._center).tolist()
        return type(self)(center, self.radius, coordinates=self.coordinates)

    def _formula(self) -> Formula:
        return Inside(self, lambda values: self.bubble(values) * (self.radius / 2))

    def bubble(self, values: dict[str, Any]) -> Any:
        """Return 1 - (r / R)^2.

        Args:
            values: Values by coordinate.

        Returns:
            The bubble's values.
        """
        result: Any = 1.0
        for name, center in zip(self.coordinates, self.center, strict=True):
            scaled = (values[name] - center) * (1 / self.radius)
            result = result - scaled * scaled
        return result


class Disk(Ball):
    """A disk.

    Args:
        center: Its two coordinates.
        radius: Positive.
        coordinates: Names of the two coordinates.

    Raises:
        ValueError: Radius not positive, numbers not finite, or not two names.

    Example:
        >>> from pdenet.geometry import Box
        >>> pipe = Disk(center=(0, 0), radius=1) * Box(z=(0, 5), t=(0, 1))
        >>> pipe.boundary.sample(10, seed=0).normals.shape
        torch.Size([10, 3])
    """

    def __init__(
        self, center: Sequence[float], radius: float, *, coordinates: Sequence[str] = ("x", "y")
    ) -> None:
        super().__init__(center, radius, coordinates=coordinates)


def ball_rule(d: int, m: int) -> tuple[Tensor, Tensor]:
    """Product rule on the unit ball, exact for polynomials of degree 2 m - 1.

    Args:
        d: Dimension of space, at least 2.
        m: Nodes an axis; 2 m around.

    Returns:
        Nodes, shape (2 m^d, d), and weights, which sum to the ball's measure.
    """
    z, w = gauss_jacobi(m, 0.0, float(d - 1))
    normals, around = sphere_rule(d, m)
    radius = ((z + 1) / 2)[:, None, None]
    weight = (w / 2.0**d)[:, None] * around
    return (radius * normals).reshape(-1, d), weight.reshape(-1)
