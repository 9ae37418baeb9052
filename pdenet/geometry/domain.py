"""Regions of full dimension, with an interior, a boundary and faces."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self

from torch import Tensor

from pdenet.geometry.base import Region
from pdenet.geometry.motion import Motion
from pdenet.geometry.names import check_number, check_vector


class Domain(Region):
    """A region of full dimension, with an interior, a boundary and faces.

    The boundary is that of space: for a product with time, the walls at all times. Faces of time
    are `initial` and `final`; parameters have none. Domains of space combine by ``|`` (union),
    ``&`` (intersection) and ``-`` (difference).
    """

    has_level: bool = False
    """Whether `level` and `bubble` exist."""

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

    def level(self, values: dict[str, Any]) -> Any:
        """Positive inside, negative outside, zero on the boundary with a slope of about 1.

        Args:
            values: Values by coordinate.

        Returns:
            The level's values, of the same kind, in units of length.

        Raises:
            NotImplementedError: The domain has none; see `has_level`.
        """
        raise NotImplementedError(f"{self!r} has no level function.")

    def bubble(self, values: dict[str, Any]) -> Any:
        """Positive inside and zero on the boundary, of order 1; anything outside.

        Not being asked for a sign outside, it is smoother than `level` where products do.

        Args:
            values: Values by coordinate.

        Returns:
            The bubble's values, of the same kind, dimensionless.

        Raises:
            NotImplementedError: The domain has none; see `has_level`.
        """
        raise NotImplementedError(f"{self!r} has no bubble function.")

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
    return tuple(values) if isinstance(values, Sequence) else (values,)
