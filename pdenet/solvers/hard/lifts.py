"""Formulas that take given values on parts of a boundary, and factors that vanish there.

They use arithmetic alone, so that truncated series pass through them as tensors do.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from pdenet.conditions import Value

Known = Mapping[str, Any]
"""Coordinates by name: tensors of shape (n,), or series that behave like them."""

Formula = Callable[[Known], Any]


@dataclass(frozen=True)
class Form:
    """``lift + distance * network``; None stands for no lift, and for a distance of one."""

    lift: Formula | None
    distance: Formula | None


MOST_CORRECTIONS = 3  # each doubles or triples the evaluations of the data: at most 27


class TooManyDirectionsError(Exception):
    """A transfinite interpolation would take too many evaluations of the data."""


@dataclass(frozen=True)
class Face:
    """A whole face of a box: ``coordinate`` is at ``low`` (side 0) or at ``high`` (side 1)."""

    coordinate: str
    side: int
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.coordinate}={self.at:g}"

    @property
    def at(self) -> float:
        """The coordinate's value on the face."""
        return (self.low, self.high)[self.side]

    @property
    def opposite(self) -> Face:
        """The face on the other side."""
        return Face(self.coordinate, 1 - self.side, self.low, self.high)

    @property
    def length(self) -> float:
        """Distance to the opposite face."""
        return self.high - self.low

    def distance(self, known: Known) -> Any:
        """Distance to this face, zero on it exactly."""
        x = known[self.coordinate]
        return x - self.low if self.side == 0 else self.high - x

    def restrict(self, known: Known) -> Known:
        """The points' projections onto the face."""
        x = known[self.coordinate]
        at = torch.full(x.shape, self.at, dtype=x.dtype, device=x.device)
        return {**known, self.coordinate: at}


def formula(value: Value) -> Formula:
    """A number or a function of named coordinates as a function of all known coordinates.

    Args:
        value: The number or function.

    Returns:
        A function that picks the coordinates that it needs.

    Raises:
        TypeError: The value is neither.
    """
    if not callable(value):
        if isinstance(value, tuple):
            raise TypeError(f"A scalar component is given {value!r}; give one number or function.")
        number = float(value)
        return lambda known: number
    names = tuple(inspect.signature(value).parameters)
    return lambda known: value(**{name: known[name] for name in names})


def zero(known: Known) -> float:
    """Zero everywhere."""
    return 0.0


def on_face(value: Value, face: Face) -> Formula:
    """The value on a face, extended into the box as a constant along the face's coordinate."""
    inner = formula(value)
    if not callable(value) or face.coordinate not in inspect.signature(value).parameters:
        return inner
    return lambda known: inner(face.restrict(known))


def from_start(face: Face, value: Value, rate: Value | None) -> Formula:
    """``u0 + (t - t0) v0``: value and rate at the first time."""
    start = on_face(value, face)
    if rate is None or rate == 0:
        return start
    velocity = on_face(rate, face)
    return lambda known: start(known) + (known[face.coordinate] - face.at) * velocity(known)


def transfinite(
    base: Formula, data: Mapping[Face, Formula], points: Known, tolerance: float
) -> Formula:
    r"""Interpolation of Coons: takes the given values on all faces at once.

    Axis by axis, what is still missing on the faces of an axis is blended linearly between them,

    .. math:: L \leftarrow L + \sum_s \xi_s \, (g_s - L|_s),

    which leaves the faces of earlier axes as they are, if data agree where faces meet.

    Args:
        base: What to start from.
        data: Values by face.
        points: Sample of the box, by which corrections that vanish are recognized and left out.
        tolerance: Absolute size of what counts as zero.

    Returns:
        The interpolation.

    Raises:
        TooManyDirectionsError: More axes need corrections than is affordable.

    Reference:
        Gordon and Hall, Construction of curvilinear co-ordinate systems and applications to mesh
        generation, Int. J. Numer. Methods Eng. 7 (1973).
    """
    lift, corrections = base, 0
    for axis in dict.fromkeys(face.coordinate for face in data):
        faces = [face for face in data if face.coordinate == axis]
        missing = {face: data[face] for face in faces if _gap(lift, face, data, points) > tolerance}
        if not missing:
            continue
        corrections += 1
        if corrections > MOST_CORRECTIONS:
            raise TooManyDirectionsError
        lift = _corrected(lift, missing, alone=len(faces) == 1)
    return lift


def box_distance(powers: Mapping[Face, int]) -> Formula:
    """Product of powers of coordinate distances to faces, scaled to a largest value of one.

    Args:
        powers: By face; 1 fixes the value there, 2 also the derivative across.

    Returns:
        The factor.
    """
    scale = 1.0
    for face, p in powers.items():
        scale /= face.length**p
        if (q := powers.get(face.opposite, 0)) and face.side == 0:
            scale *= (p + q) ** (p + q) / (p**p * q**q)

    def distance(known: Known) -> Any:
        distances = [face.distance(known) for face, p in powers.items() for _ in range(p)]
        return product(distances) * scale

    return distance


def product(factors: Sequence[Any]) -> Any:
    """Product of at least one factor."""
    result = factors[0]
    for factor in factors[1:]:
        result = result * factor
    return result


def _gap(lift: Formula, face: Face, data: Mapping[Face, Formula], points: Known) -> float:
    there = face.restrict(points)
    return float(torch.as_tensor(data[face](there) - lift(there)).abs().max())


def _corrected(lift: Formula, missing: Mapping[Face, Formula], alone: bool) -> Formula:
    def corrected(known: Known) -> Any:
        total = lift(known)
        for face, value in missing.items():
            there = face.restrict(known)
            gap = value(there) - lift(there)
            blend = None if alone else face.opposite.distance(known) / face.length
            total = total + (gap if blend is None else blend * gap)
        return total

    return corrected
