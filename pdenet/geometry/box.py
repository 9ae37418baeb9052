"""Boxes of any dimension: intervals, space-time boxes, ranges of parameters."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import inf, prod
from typing import Any, Self

import torch
from torch import Tensor

from pdenet.geometry.base import Placed, Region, Rule
from pdenet.geometry.boxfaces import BoxFaces
from pdenet.geometry.domain import Domain
from pdenet.geometry.formulas import Formula, HalfSpace, join
from pdenet.geometry.motion import Motion
from pdenet.geometry.names import (
    TIME,
    check_interval,
    check_names,
)
from pdenet.geometry.unit import gauss, per_axis, tensor_rule

_LARGEST_TENSOR_DIMENSION = 3


class Box(Domain):
    """A product of intervals, one a coordinate; ``t`` is time.

    Args:
        **intervals: Low and high bound of each coordinate, low < high.

    Raises:
        ValueError: Bounds reversed, equal or not finite; names that are no identifiers or collide.

    Example:
        >>> box = Box(x=(-1, 1), t=(0, 1))
        >>> box.measure
        2.0
        >>> list(box.faces)
        ['x=-1', 'x=1', 't=0', 't=1']
        >>> box.sample(100, seed=0)["x"].shape
        torch.Size([100])
    """

    intervals: tuple[tuple[float, float], ...]
    """Low and high bound of each coordinate."""
    low: Tensor
    """Lower corner, shape (d,)."""
    lengths: Tensor
    """Edge lengths, shape (d,)."""

    def __init__(self, **intervals: tuple[float, float]) -> None:
        names = check_names(intervals)
        self._fill(
            names, tuple(check_interval(v, f"Bounds of {k!r}") for k, v in intervals.items())
        )

    def _fill(
        self,
        names: tuple[str, ...],
        intervals: tuple[tuple[float, float], ...],
        parameters: tuple[str, ...] = (),
    ) -> Self:
        lengths = [high - low for low, high in intervals]
        self._set(
            coordinates=names,
            parameters=parameters,
            label="interior",
            dimension=len(names),
            measure=_volume(lengths),
            bounds=dict(zip(names, intervals, strict=True)),
            unit=len(names),
            intervals=intervals,
            low=torch.tensor([low for low, _ in intervals], dtype=torch.float64),
            lengths=torch.tensor(lengths, dtype=torch.float64),
        )
        return self

    def _key(self) -> Hashable:
        return self.coordinates, self.intervals, self.parameters

    def __repr__(self) -> str:
        inside = ", ".join(f"{c}=({low:g}, {high:g})" for c, (low, high) in self.bounds.items())
        return f"{type(self).__name__}({inside})"

    def place(self, u: Tensor) -> Placed:
        """Scale the unit cube.

        Args:
            u: Points of the cube, shape (n, d).

        Returns:
            Their images.
        """
        return Placed(torch.addcmul(self.low, u, self.lengths))

    def rule(self, n: int) -> Rule | None:
        """Return the Gauss-Legendre tensor rule with about ``n`` nodes.

        Args:
            n: Number of nodes wanted.

        Returns:
            The rule; None beyond 3 dimensions when there would be fewer than 4 nodes an axis.
        """
        d = len(self.coordinates)
        m = per_axis(n, d)
        if d > _LARGEST_TENSOR_DIMENSION and m < 4:
            return None
        u, w = tensor_rule([gauss(m)] * d)
        return Rule(self.place(u).x, w * self.measure)

    def contains(self, x: Tensor) -> Tensor:
        """Tell which points lie between the bounds, these included.

        Args:
            x: Points, shape (n, d).

        Returns:
            Mask, shape (n,).
        """
        low, high = torch.tensor(self.intervals, dtype=x.dtype, device=x.device).T
        return ((x >= low) & (x <= high)).all(-1)

    def _faces(self) -> dict[str, Region]:
        return {
            face.label: face
            for axis, name in enumerate(self.coordinates)
            if name not in self.parameters
            for face in (BoxFaces(self, ((axis, 0),)), BoxFaces(self, ((axis, 1),)))
        }

    def _boundary(self) -> Region:
        axes = [self.coordinates.index(name) for name in self.space]
        return BoxFaces(self, tuple((a, s) for a in axes for s in (0, 1)), label="boundary")

    def face(self, **values: float | Sequence[float]) -> BoxFaces:
        """Return the face, or several, where a coordinate has a value.

        Args:
            **values: Value by coordinate: ``face(x=0)``, ``face(x=(-1, 1))``, ``face(x=0, y=1)``
                (the union of both).

        Returns:
            The faces, as one region.
        """
        region = super().face(**values)
        assert isinstance(region, BoxFaces)
        return region

    def at_time(self, start: float, end: float) -> Self:
        """Return the box over another interval of time.

        Args:
            start: First time.
            end: Last time.

        Returns:
            The new box.
        """
        if self.time is None:
            super().at_time(start, end)
        return self._with(TIME, check_interval((start, end), "The time interval"))

    def _moved(self, motion: Motion) -> Domain:
        if motion.turns:
            return super()._moved(motion)
        box = self
        for (name, (low, high)), step in zip(self.bounds.items(), motion.shift, strict=True):
            box = box._with(name, check_interval((low + step, high + step), f"Bounds of {name!r}"))
        return box

    simple = True

    def _formula(self) -> Formula:
        faces = []
        for name, (low, high) in self.bounds.items():
            faces += [HalfSpace({name: 1.0}, -low), HalfSpace({name: -1.0}, high)]
        return join("and", faces)

    def bubble(self, values: dict[str, Any]) -> Any:
        """Multiply 4 (x - low) (high - x) / (high - low)^2 of all spatial coordinates.

        Args:
            values: Values by coordinate.

        Returns:
            The bubble's values.
        """
        return self.boundary.distance(**values)

    def _with(self, name: str, interval: tuple[float, float]) -> Self:
        intervals = tuple(
            interval if c == name else i
            for c, i in zip(self.coordinates, self.intervals, strict=True)
        )
        return object.__new__(type(self))._fill(self.coordinates, intervals, self.parameters)


class Interval(Box):
    """An interval of one coordinate; ``t`` is time.

    Args:
        **intervals: One coordinate with its low and high bound.

    Raises:
        ValueError: Not exactly one coordinate.

    Example:
        >>> Interval(x=(0, 2)).measure
        2.0
    """

    def __init__(self, **intervals: tuple[float, float]) -> None:
        if len(intervals) != 1:
            raise ValueError(
                f"An Interval has one coordinate; got {list(intervals)}. Use Box for several."
            )
        super().__init__(**intervals)


class Parameters(Box):
    """Ranges of the problem's parameters, to be multiplied with a domain.

    Args:
        **intervals: Low and high bound of each parameter.

    Raises:
        ValueError: A parameter is called ``t``, which is time.

    Example:
        >>> domain = Box(x=(0, 1), t=(0, 1)) * Parameters(nu=(0.01, 0.1))
        >>> domain.space, domain.time, domain.parameters
        (('x',), 't', ('nu',))
    """

    def __init__(self, **intervals: tuple[float, float]) -> None:
        if TIME in intervals:
            raise ValueError("The coordinate t is time; give the parameter another name.")
        super().__init__(**intervals)
        self._fill(self.coordinates, self.intervals, self.coordinates)


def merge(first: Box, second: Box) -> Box:
    """Return the product of two boxes, which is a box again.

    Args:
        first: Its coordinates come first.
        second: Its coordinates come last.

    Returns:
        The box.
    """
    return object.__new__(Box)._fill(
        first.coordinates + second.coordinates,
        first.intervals + second.intervals,
        first.parameters + second.parameters,
    )


def _volume(lengths: list[float]) -> float:
    volume = prod(lengths)
    if not 0 < volume < inf:
        raise ValueError(
            f"The measure of a box with edges {lengths} is {volume}, which a float cannot hold. "
            f"Scale the coordinates."
        )
    return volume
