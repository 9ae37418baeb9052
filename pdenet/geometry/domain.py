"""Regions of full dimension, with an interior, a boundary and faces."""

from __future__ import annotations

import functools
import math
import operator
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Self, overload

import torch
from torch import Tensor

from pdenet.geometry.base import Region
from pdenet.geometry.formulas import Formula, Node, evaluate, literals_of
from pdenet.geometry.motion import Motion
from pdenet.geometry.names import check_number, check_vector
from pdenet.geometry.unit import unit_points

_FACTORS = 6
_PROBES = 512


class Domain(Region):
    """A region of full dimension, with an interior, a boundary and faces.

    The boundary is that of space: for a product with time, the walls at all times. Faces of time
    are `initial` and `final`; parameters have none. Domains of space combine by ``|`` (union),
    ``&`` (intersection) and ``-`` (difference).
    """

    simple: bool = False
    """Whether the formula is that of a convex shape, so that it needs no check."""

    @property
    def interior(self) -> Self:
        """The domain without its boundary, where equations hold."""
        return self

    @cached_property
    def boundary(self) -> Region:
        """The boundary in space (at all times and parameters), with outward normals.

        Raises:
            ValueError: The domain has no spatial coordinates.
        """
        if not self.space:
            raise ValueError(
                f"A domain with coordinates {self.coordinates} has no spatial ones, so no spatial "
                f"boundary. Initial values go on domain.initial."
            )
        return self._boundary()

    @cached_property
    def faces(self) -> dict[str, Region]:
        """Faces where one coordinate is constant, by label such as ``"x=0"``."""
        return self._faces()

    @abstractmethod
    def _boundary(self) -> Region:
        """Return the boundary in space."""

    def _faces(self) -> dict[str, Region]:
        """Return the faces of constant coordinates by label."""
        return {}

    @abstractmethod
    def contains(self, x: Tensor) -> Tensor:
        """Tell which points lie in the domain (closed, up to rounding).

        Args:
            x: Points, shape (n, d), columns in the order of ``coordinates``.

        Returns:
            Mask, shape (n,).
        """

    def face(self, **values: float | Sequence[float]) -> Region:
        """Return the face, or several, where a coordinate has a value.

        Args:
            **values: Value by coordinate: ``face(x=0)``, ``face(x=(-1, 1))``, ``face(x=0, y=1)``
                (the union of both).

        Returns:
            The faces, as one region.

        Raises:
            ValueError: There is no such face.
        """
        from pdenet.geometry.union import union  # unions are regions: they need this module

        if not values:
            raise ValueError(f"face() needs a coordinate and a value: one of {self._face_list()}.")
        found = [self._face(c, v) for c, vs in values.items() for v in _as_values(vs)]
        return union(found)

    @cached_property
    def initial(self) -> Region:
        """The face at the first time."""
        return self._time_face(0, "initial")

    @cached_property
    def final(self) -> Region:
        """The face at the last time."""
        return self._time_face(1, "final")

    def _formula(self) -> Formula | None:
        """Return the domain as a formula of simple shapes, where it has one."""
        return None

    @cached_property
    def formula(self) -> Formula | None:
        """The domain as a formula of half-spaces and round shapes; None where it has none."""
        return self._formula()

    @cached_property
    def has_level(self) -> bool:
        """Whether `level` and `bubble` exist.

        They do not where two parts of a union touch along a face without overlapping: the formula
        vanishes there, inside the union. Let such parts overlap.
        """
        return self.formula is not None and (self.simple or _is_sound(self))

    def level(self, values: dict[str, Any]) -> Any:
        """Positive inside, negative outside, zero on the boundary with a slope of about 1.

        An R-function of half-spaces and round shapes, without derivatives at corners.

        Args:
            values: Values by coordinate.

        Returns:
            The level's values, of the same kind, in units of length.

        Raises:
            ValueError: The domain has no formula.
        """
        if self.formula is None:
            raise ValueError(f"{self!r} is no formula of simple shapes, so it has no level.")
        return evaluate(self.formula, values)

    def bubble(self, values: dict[str, Any]) -> Any:
        """Positive inside and zero on the boundary, at most about 1; anything outside.

        Not being asked for a sign outside, it can be smoother than `level`: it multiplies what
        holds the domain (the edges of a triangle) rather than joining it by R-functions.

        Args:
            values: Values by coordinate.

        Returns:
            The bubble's values, of the same kind, dimensionless.
        """
        return self._raw_bubble(values) * self._bubble_scale

    def _raw_bubble(self, values: dict[str, Any]) -> Any:
        formula = self.formula
        # A product of many distances would be all but zero in most of the domain.
        if isinstance(formula, Node) and formula.kind == "and" and len(formula.parts) <= _FACTORS:
            return functools.reduce(operator.mul, (evaluate(p, values) for p in formula.parts))
        return self.level(values)

    @cached_property
    def _bubble_scale(self) -> float:
        return 1 / peak(self._raw_bubble, self)

    def translate(self, **shifts: float) -> Domain:
        """Return the domain moved along its axes.

        Args:
            **shifts: Distance by coordinate.

        Returns:
            The moved domain; faces are named after their new places.

        Raises:
            ValueError: The domain has no such coordinate.
        """
        unknown = [name for name in shifts if name not in self.coordinates]
        if unknown:
            raise ValueError(
                f"The domain has no coordinates {unknown} to move along; it has {self.coordinates}."
            )
        steps = {name: check_number(v, f"Shift along {name!r}") for name, v in shifts.items()}
        return self._moved(Motion.translation([steps.get(c, 0.0) for c in self.coordinates]))

    def rotate(
        self,
        angle: float,
        *,
        plane: tuple[str, str] | None = None,
        about: Sequence[float] | None = None,
    ) -> Domain:
        """Return the domain turned in a plane of two coordinates.

        Args:
            angle: In radians, from the first coordinate of the plane towards the second.
            plane: The two coordinates; not needed where there are just two.
            about: The point that stays, one number a coordinate; the origin by default.

        Returns:
            The turned domain. Boxes lose their faces of constant coordinates.

        Raises:
            ValueError: No such plane, or the domain has time or parameters.
        """
        if self.space != self.coordinates:
            raise ValueError("Rotate a domain of space, before it is multiplied with anything.")
        if plane is None and len(self.space) == 2:
            plane = (self.space[0], self.space[1])
        if plane is None or len(plane) != 2 or plane[0] == plane[1] or {*plane} - {*self.space}:
            raise ValueError(f"plane must be two of the coordinates {self.space}; got {plane}.")
        d = len(self.space)
        center = check_vector((0.0,) * d if about is None else about, d, "about")
        first, second = (self.space.index(name) for name in plane)
        return self._moved(Motion.rotation(check_number(angle, "The angle"), first, second, center))

    def _moved(self, motion: Motion) -> Domain:
        from pdenet.geometry.moved import Moved  # moved domains are domains

        if self.space != self.coordinates:
            raise ValueError("Move a domain of space, before it is multiplied with anything.")
        return Moved(self, motion)

    @overload
    def __mul__(self, other: Domain) -> Domain: ...
    @overload
    def __mul__(self, other: Region) -> Region: ...
    def __mul__(self, other: Region) -> Region:
        """Return the product with a region of other coordinates; a domain if both are."""
        return super().__mul__(other)

    @overload
    def __or__(self, other: Domain) -> Domain: ...
    @overload
    def __or__(self, other: Region) -> Region: ...
    def __or__(self, other: Region) -> Region:
        """Return the union of two domains."""
        return self._combine("union", other) if isinstance(other, Domain) else NotImplemented

    def __and__(self, other: Domain) -> Domain:
        """Return the intersection of two domains."""
        return self._combine("intersection", other)

    def __sub__(self, other: Domain) -> Domain:
        """Return what lies in this domain and not in the other."""
        return self._combine("difference", other)

    def _combine(self, kind: str, other: Any) -> Domain:
        from pdenet.geometry.combine import Combined  # combinations are domains

        return Combined(kind, self, other) if isinstance(other, Domain) else NotImplemented

    def _time_face(self, side: int, what: str) -> Region:
        if self.time is None:
            raise ValueError(
                f"A domain with coordinates {self.coordinates} has no time, so no {what} face. "
                f"Multiply it by Interval(t=(start, end)), or name a coordinate t."
            )
        return self.face(**{self.time: self.bounds[self.time][side]})

    def _face(self, name: str, value: float) -> Region:
        value = check_number(value, f"The value of {name!r} on a face")
        low, high = self.bounds.get(name, (math.nan, math.nan))
        for label, face in self.faces.items():
            at = face.bounds.get(name, (math.nan, math.nan))
            if label.startswith(f"{name}=") and abs(at[0] - value) <= 1e-9 * (high - low):
                return face
        raise ValueError(
            f"The domain has no face {name}={value:g}; it has {self._face_list()}. For another "
            f"part of the boundary use domain.boundary.where(lambda {name}: ..., 'name')."
        )

    def _face_list(self) -> str:
        return ", ".join(self.faces) or "no faces of constant coordinates (use domain.boundary)"


def _as_values(values: Any) -> tuple[float, ...]:
    try:
        return (float(values),)
    except (TypeError, ValueError, RuntimeError):
        return tuple(values) if hasattr(values, "__iter__") else (values,)


def peak(function: Callable[[dict[str, Any]], Any], domain: Domain) -> float:
    """Largest value of a function in a domain.

    Args:
        function: Of values by coordinate.
        domain: Where it is evaluated, at fixed points.

    Returns:
        The maximum.
    """
    x = domain.quadrature(_PROBES).x
    return float(function(dict(zip(domain.coordinates, x.T, strict=True))).max())


def _is_sound(domain: Domain) -> bool:
    """Tell whether the level is positive exactly inside: anywhere, and where it may vanish.

    R-functions of a and b vanish where min(a, b) and max(a, b) do; inside a domain that happens
    where two literals meet of which one is the other's complement.

    Args:
        domain: A domain with a formula.

    Returns:
        Whether it is.
    """
    assert domain.formula is not None
    low, high = torch.tensor(list(domain.bounds.values()), dtype=torch.float64).T
    size = float((high - low).max())
    literals = literals_of(domain.formula)
    seams = [literal.zeros(domain) for literal in literals if -literal in literals]
    x = torch.cat([low + unit_points(_PROBES, len(low), 0, "sobol") * (high - low), *seams])
    steps = 1e-3 * size * torch.eye(len(low), dtype=torch.float64)
    around = torch.stack([x, *(x + s for s in steps), *(x - s for s in steps)])
    inside = domain.contains(around.reshape(-1, len(low))).reshape(len(around), -1)
    clear = (inside == inside[0]).all(0)
    level = domain.level(dict(zip(domain.coordinates, x[clear].T, strict=True)))
    return bool(torch.where(inside[0, clear], level > 1e-7 * size, level < 0).all())
