"""Spheres of any dimension, and circles, as surfaces."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import torch
from torch import Tensor

from pdenet.geometry.base import Placed, Region, Rule
from pdenet.geometry.names import check_names, check_positive, check_vector
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
        names, center, radius = check_round(type(self).__name__, center, radius, coordinates)
        d = len(names)
        self._set(
            coordinates=names,
            label="sphere" if d > 2 else "circle",
            dimension=d - 1,
            measure=2 * math.pi ** (d / 2) / math.gamma(d / 2) * radius ** (d - 1),
            bounds={c: (m - radius, m + radius) for c, m in zip(names, center, strict=True)},
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
        super().__init__(center, radius, coordinates)


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


def check_round(
    what: str, center: Sequence[float], radius: float, coordinates: Sequence[str]
) -> tuple[tuple[str, ...], tuple[float, ...], float]:
    """Check what a round shape is built from.

    Args:
        what: The shape's name: Circle and Disk have two coordinates, others two or more.
        center: Its centre.
        radius: Its radius.
        coordinates: Names of the coordinates.

    Returns:
        Names, centre and radius.

    Raises:
        ValueError: Radius not positive, numbers not finite or not as many as names.
    """
    names = check_names(coordinates)
    if what in ("Circle", "Disk") and len(names) != 2:
        raise ValueError(f"{what} has two coordinates; got {names}. Use Sphere or Ball.")
    if len(names) < 2:
        raise ValueError(f"{what} needs two coordinates or more; got {names}. Use Interval.")
    center = check_vector(center, len(names), f"{what} center")
    return names, center, check_positive(radius, f"{what} radius")
