"""Balls and spheres of any dimension, disks and circles."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

from pdenet.geometry.base import Placed, Region, Rule
from pdenet.geometry.domain import Domain
from pdenet.geometry.formulas import Formula, Inside
from pdenet.geometry.motion import Motion
from pdenet.geometry.names import check_names, check_positive, check_vector
from pdenet.geometry.union import Union
from pdenet.geometry.unit import gauss_jacobi, tensor_rule

_SMALLEST, _LARGEST = 2.0**-60, 1 - 2.0**-53


class Sphere(Region):
    """The surface of a ball, with normals that point away from the centre.

    Args:
        center: Its d >= 2 coordinates.
        radius: Positive.
        coordinates: Names of the coordinates.

    Raises:
        ValueError: Radius not positive, numbers not finite or not as many as names, d < 2.
    """

    center: tuple[float, ...]
    radius: float

    def __init__(
        self, center: Sequence[float], radius: float, coordinates: Sequence[str] = ("x", "y", "z")
    ) -> None:
        names, center, radius = _check(type(self).__name__, center, radius, coordinates)
        d = len(names)
        self._set(
            coordinates=names,
            label="sphere" if d > 2 else "circle",
            dimension=d - 1,
            measure=_ball_measure(d, radius) * d / radius,
            bounds=_bounds(names, center, radius),
            # From four dimensions on, directions are those of Gaussian vectors.
            unit=d - 1 if d < 4 else d,
            center=center,
            radius=radius,
            _center=torch.tensor(center, dtype=torch.float64),
        )

    _center: Tensor

    def _key(self) -> Hashable:
        return self.coordinates, self.center, self.radius

    def __repr__(self) -> str:
        return f"{type(self).__name__}(center={self.center}, radius={self.radius:g})"

    def place(self, u: Tensor) -> Placed:
        """Map the cube to directions.

        Args:
            u: Points of the cube, shape (n, unit).

        Returns:
            Their images.
        """
        normals = directions(u, len(self.center))
        return Placed(torch.add(self._center, normals, alpha=self.radius), normals)

    def rule(self, n: int) -> Rule | None:
        """Return the product rule in spherical coordinates with about ``n`` nodes.

        Trapezoidal around the axis, Gauss-Jacobi along the others: with 2 m nodes around, exact
        for polynomials of degree 2 m - 1.

        Args:
            n: Number of nodes wanted.

        Returns:
            The rule; None beyond 3 dimensions when there would be fewer than 4 nodes an axis.
        """
        d = len(self.center)
        m = max(1, round((n / 2) ** (1 / (d - 1))))
        if d > 4 and m < 4:
            return None
        normals, weight = sphere_rule(d, m)
        weight = weight * self.radius ** (d - 1)
        return Rule(self._center + self.radius * normals, weight, normals)


class Circle(Sphere):
    """A circle as a curve, for example an interface; normals point away from the centre.

    Args:
        center: Its two coordinates.
        radius: Positive.
        coordinates: Names of the two coordinates.

    Raises:
        ValueError: Radius not positive, numbers not finite, or not two names.

    Example:
        >>> points = Circle(center=(0, 0), radius=2).quadrature(8)
        >>> bool(torch.allclose(points["nx"], points["x"] / 2))
        True
    """

    def __init__(
        self, center: Sequence[float], radius: float, *, coordinates: Sequence[str] = ("x", "y")
    ) -> None:
        _check_two("Circle", coordinates)
        super().__init__(center, radius, coordinates)


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
        names, center, radius = _check(type(self).__name__, center, radius, coordinates)
        sphere = Sphere(center, radius, names)
        self._set(
            coordinates=names,
            label="interior",
            dimension=len(names),
            measure=_ball_measure(len(names), radius),
            bounds=_bounds(names, center, radius),
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
        _check_two("Disk", coordinates)
        super().__init__(center, radius, coordinates=coordinates)


def directions(u: Tensor, d: int) -> Tensor:
    """Map the unit cube to the unit sphere, uniform law to uniform law.

    Args:
        u: Points of the cube, shape (n, d - 1) up to three dimensions, (n, d) from four on.
        d: Dimension of space, at least 2.

    Returns:
        Unit vectors, shape (n, d).
    """
    if d > 3:
        x = torch.special.ndtri(u.clamp(_SMALLEST, _LARGEST))
        return x / x.norm(dim=1, keepdim=True)
    angle = u[:, -1] * (2 * math.pi)
    if d == 2:
        return torch.stack([angle.cos(), angle.sin()], 1)
    z = 1 - 2 * u[:, 0]
    r = (1 - z * z).sqrt()
    return torch.stack([r * angle.cos(), r * angle.sin(), z], 1)


def sphere_rule(d: int, m: int) -> tuple[Tensor, Tensor]:
    """Product rule on the unit sphere, exact for polynomials of degree 2 m - 1.

    Args:
        d: Dimension of space, at least 2.
        m: Nodes an axis; 2 m around.

    Returns:
        Nodes, shape (2 m^(d - 1), d), and weights, which sum to the sphere's measure.
    """
    # Half a step off the axis: nodes then come in opposite pairs, and none lies where a seam is.
    angle = (torch.arange(2 * m, dtype=torch.float64) + 0.5) * (math.pi / m)
    around = torch.full((2 * m,), math.pi / m, dtype=torch.float64)
    cosines = [gauss_jacobi(m, (d - 3 - k) / 2, (d - 3 - k) / 2) for k in range(d - 2)]
    nodes, weight = tensor_rule([*cosines, (angle, around)])
    columns, rest = [], torch.ones(len(nodes), dtype=torch.float64)
    for k in range(d - 2):
        columns.append(rest * nodes[:, k])
        rest = rest * (1 - nodes[:, k] ** 2).sqrt()
    columns += [rest * nodes[:, -1].cos(), rest * nodes[:, -1].sin()]
    return torch.stack(columns, 1), weight


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


def _check(
    what: str, center: Sequence[float], radius: float, coordinates: Sequence[str]
) -> tuple[tuple[str, ...], tuple[float, ...], float]:
    names = check_names(coordinates)
    if len(names) < 2:
        raise ValueError(f"{what} needs two coordinates or more; got {names}. Use Interval.")
    return (
        names,
        check_vector(center, len(names), f"{what} center"),
        check_positive(radius, f"{what} radius"),
    )


def _check_two(what: str, coordinates: Sequence[str]) -> None:
    if len(coordinates) != 2:
        raise ValueError(f"{what} has two coordinates; got {tuple(coordinates)}. Use Ball.")


def _ball_measure(d: int, radius: float) -> float:
    return math.pi ** (d / 2) / math.gamma(d / 2 + 1) * radius**d


def _bounds(
    names: Sequence[str], center: Sequence[float], radius: float
) -> dict[str, tuple[float, float]]:
    return {c: (m - radius, m + radius) for c, m in zip(names, center, strict=True)}
