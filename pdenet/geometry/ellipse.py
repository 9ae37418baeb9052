"""Ellipses."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import torch
from scipy.special import ellipe, ellipeinc
from torch import Tensor

from pdenet.geometry.ball import ball_rule
from pdenet.geometry.base import Placed, Region, Rule
from pdenet.geometry.domain import Domain
from pdenet.geometry.formulas import Formula, Inside
from pdenet.geometry.motion import Motion
from pdenet.geometry.names import check_names, check_number, check_positive, check_vector
from pdenet.geometry.sphere import directions
from pdenet.geometry.union import Union

_TABLE = 4096


class Ellipse(Domain):
    """An ellipse.

    Args:
        center: Its two coordinates.
        semi_axes: Both half-axes, positive.
        angle: From the first coordinate to the first half-axis, in radians.
        coordinates: Names of the two coordinates.

    Raises:
        ValueError: A half-axis not positive, numbers not finite, or not two names.

    Example:
        >>> round(Ellipse(center=(0, 0), semi_axes=(2, 1)).measure, 6)
        6.283185
    """

    center: tuple[float, ...]
    semi_axes: tuple[float, float]
    angle: float
    simple = True
    _center: Tensor
    _axes: Tensor

    def __init__(
        self,
        center: Sequence[float],
        semi_axes: Sequence[float],
        *,
        angle: float = 0.0,
        coordinates: Sequence[str] = ("x", "y"),
    ) -> None:
        names = check_names(coordinates)
        if len(names) != 2:
            raise ValueError(f"Ellipse has two coordinates; got {names}.")
        center = check_vector(center, 2, "Ellipse center")
        a, b = check_vector(semi_axes, 2, "Ellipse semi_axes")
        check_positive(a, "Ellipse semi_axes[0]")
        check_positive(b, "Ellipse semi_axes[1]")
        angle = check_number(angle, "Ellipse angle")
        c, s = math.cos(angle), math.sin(angle)
        reach = (math.hypot(a * c, b * s), math.hypot(a * s, b * c))
        self._set(
            coordinates=names,
            label="interior",
            dimension=2,
            measure=math.pi * a * b,
            bounds={n: (m - r, m + r) for n, m, r in zip(names, center, reach, strict=True)},
            unit=2,
            center=center,
            semi_axes=(a, b),
            angle=angle,
            _center=torch.tensor(center, dtype=torch.float64),
            # Rows are the half-axes: points of the unit disk map by x = center + p @ axes.
            _axes=torch.tensor([[a * c, a * s], [-b * s, b * c]], dtype=torch.float64),
        )

    def _key(self) -> Hashable:
        return self.coordinates, self.center, self.semi_axes, self.angle

    def __repr__(self) -> str:
        return f"Ellipse(center={self.center}, semi_axes={self.semi_axes}, angle={self.angle:g})"

    def place(self, u: Tensor) -> Placed:
        """Map the square to the unit disk and stretch it.

        Args:
            u: Points of the square, shape (n, 2).

        Returns:
            Their images.
        """
        return Placed(self._center + (u[:, :1].sqrt() * directions(u[:, 1:], 2)) @ self._axes)

    def rule(self, n: int) -> Rule:
        """Return the unit disk's product rule, stretched.

        Args:
            n: Number of nodes wanted.

        Returns:
            The rule, exact for polynomials of degree sqrt(2 n) - 1.
        """
        x, weight = ball_rule(2, max(1, round(math.sqrt(n / 2))))
        return Rule(self._center + x @ self._axes, weight * math.prod(self.semi_axes))

    def contains(self, x: Tensor) -> Tensor:
        """Tell which points lie inside.

        Args:
            x: Points, shape (n, 2).

        Returns:
            Mask, shape (n,).
        """
        dual = self._axes.T / torch.tensor(self.semi_axes, dtype=torch.float64).square()
        return ((x - self._center.to(x)) @ dual.to(x)).square().sum(-1) <= 1

    def _boundary(self) -> Region:
        return Union([EllipseCurve(self)], "boundary", self.bubble)

    def _moved(self, motion: Motion) -> Domain:
        turn = math.atan2(motion.matrix[1][0], motion.matrix[0][0])
        return Ellipse(
            motion.forward(self._center).tolist(),
            self.semi_axes,
            angle=self.angle + turn,
            coordinates=self.coordinates,
        )

    def _formula(self) -> Formula:
        return Inside(self, lambda values: self.bubble(values) * (min(self.semi_axes) / 2))

    def bubble(self, values: dict[str, Any]) -> Any:
        """Return 1 - (xi / a)^2 - (eta / b)^2 in the frame of the half-axes.

        Args:
            values: Values by coordinate.

        Returns:
            The bubble's values.
        """
        dx = values[self.coordinates[0]] - self.center[0]
        dy = values[self.coordinates[1]] - self.center[1]
        c, s = math.cos(self.angle), math.sin(self.angle)
        xi = (dx * c + dy * s) * (1 / self.semi_axes[0])
        eta = (dy * c - dx * s) * (1 / self.semi_axes[1])
        return 1 - xi * xi - eta * eta


class EllipseCurve(Region):
    """The boundary of an ellipse, drawn from uniformly in arc length.

    Args:
        ellipse: What it bounds.
    """

    ellipse: Ellipse
    _angles: Tensor
    _slopes: Tensor

    def __init__(self, ellipse: Ellipse) -> None:
        length = _arc_length(2 * math.pi, *ellipse.semi_axes).item()
        angles, slopes = _angle_table(*ellipse.semi_axes)
        self._set(
            coordinates=ellipse.coordinates,
            label="ellipse",
            dimension=1,
            measure=length,
            bounds=ellipse.bounds,
            unit=1,
            ellipse=ellipse,
            _angles=angles,
            _slopes=slopes,
        )

    def _key(self) -> Hashable:
        return self.ellipse

    def __repr__(self) -> str:
        return f"<boundary of {self.ellipse!r}>"

    def place(self, u: Tensor) -> Placed:
        """Map shares of the arc length to points, by cubic Hermite interpolation of a table.

        Args:
            u: Points of the unit interval, shape (n, 1).

        Returns:
            Their images.
        """
        cell = (u[:, 0] * _TABLE).long().clamp(max=_TABLE - 1)
        s = u[:, 0] * _TABLE - cell
        a, b = self._angles[cell], self._angles[cell + 1]
        p, q = self._slopes[cell], self._slopes[cell + 1]
        bend = (1 - s) * (p - (b - a)) - s * (q - (b - a))
        return self._at(a + s * (b - a) + s * (1 - s) * bend)

    def rule(self, n: int) -> Rule:
        """Return the trapezoidal rule in the angle, which converges geometrically.

        Args:
            n: Number of nodes.

        Returns:
            The rule.
        """
        angle = (torch.arange(n, dtype=torch.float64) + 0.5) * (2 * math.pi / n)
        a, b = self.ellipse.semi_axes
        speed = torch.hypot(a * angle.sin(), b * angle.cos())
        x, normals, _ = self._at(angle)
        # Scaled so that constants are exact with any number of nodes.
        return Rule(x, speed * (self.measure / speed.sum()), normals)

    def _at(self, angle: Tensor) -> Placed:
        unit = torch.stack([angle.cos(), angle.sin()], 1)
        a, b = self.ellipse.semi_axes
        axes = self.ellipse._axes
        # The normal of an ellipse has the half-axes exchanged.
        normals = unit @ (axes * torch.tensor([[b / a], [a / b]], dtype=torch.float64))
        normals = normals / normals.norm(dim=1, keepdim=True)
        return Placed(self.ellipse._center + unit @ axes, normals)


def _arc_length(angle: Any, a: float, b: float) -> Any:
    return b * ellipeinc(angle, 1 - (a / b) ** 2)


def _angle_table(a: float, b: float) -> tuple[Tensor, Tensor]:
    """Angles at equal steps of arc length, and their slopes, by Newton's method from a table."""
    length = 4 * b * float(ellipe(1 - (a / b) ** 2))
    target = np.linspace(0, length, _TABLE + 1)
    coarse = np.linspace(0, 2 * np.pi, 4 * _TABLE + 1)
    angle = np.interp(target, _arc_length(coarse, a, b), coarse)
    for _ in range(4):
        speed = np.hypot(a * np.sin(angle), b * np.cos(angle))
        angle -= (_arc_length(angle, a, b) - target) / speed
    speed = np.hypot(a * np.sin(angle), b * np.cos(angle))
    return torch.from_numpy(angle), torch.from_numpy(length / _TABLE / speed)
