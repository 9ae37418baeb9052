"""A residual that is to vanish on a region."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from torch import Tensor

from pdenet.conditions.values import Value
from pdenet.geometry import Points, Region


class Condition:
    """A residual that is to vanish on a region.

    Args:
        residual: Function of named fields, coordinates, normals (``nx``) and unknowns. Returns
            rows of shape (n,), or a tuple of such rows. Fields at the partner points of a paired
            condition carry the suffix ``_to``.
        on: Region on which it holds.
        to: Region whose points are paired with those of ``on``; it must be ``on`` shifted along
            one coordinate.

    Raises:
        ValueError: ``on`` is not a region, the residual is not a function of names, or the paired
            regions are not shifts of each other.
    """

    integral = False
    normalization = 1.0
    values: Mapping[str, Value] = {}
    hard: bool | None = False

    def __init__(self, residual: Callable[..., Any], on: Region, to: Region | None = None) -> None:
        for region in (on,) if to is None else (on, to):
            if not isinstance(region, Region):
                raise ValueError(
                    f"{type(self).__name__}(on=...) got {region!r}; give a region such as "
                    "domain.interior or domain.face(x=0)."
                )
        if not callable(residual):
            raise ValueError(f"A residual is a function of named fields; got {residual!r}.")
        self.residual = residual
        self.on = on
        self.to = to
        self.shift = None if to is None else shift_between(on, to)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(on={self.on.label!r})"

    def data(self, points: Points) -> dict[str, Tensor]:
        """Measured values at points of the region, by the name that the residual takes."""
        return {}

    def at_time(self, start: float, end: float, values: Mapping[str, Value] | None) -> Condition:
        """The same condition between other times; ``values`` replace initial data."""
        return self._moved(start, end)

    def _moved(self, start: float, end: float) -> Self:
        moved = object.__new__(type(self))
        moved.__dict__.update(self.__dict__)
        moved.on = self.on.at_time(start, end)
        moved.to = None if self.to is None else self.to.at_time(start, end)
        return moved


def require_values(condition: Condition, values: Mapping[str, Any]) -> None:
    """Refuses a condition that names no field.

    Args:
        condition: The condition being built.
        values: Its values by field.

    Raises:
        ValueError: There are none.
    """
    if not values:
        kind = type(condition).__name__
        raise ValueError(f"{kind}(on=...) names no field; write for example {kind}(u=0, on=...).")


def shift_between(on: Region, to: Region) -> tuple[str, float]:
    """The coordinate along which two regions differ, and by how much.

    Args:
        on: One region.
        to: The same region elsewhere.

    Returns:
        Name of the coordinate, and what is added to it.

    Raises:
        ValueError: They are not shifts of each other along one coordinate.
    """
    moved = {
        name: to.bounds[name][0] - on.bounds[name][0]
        for name in on.coordinates
        if to.bounds.get(name) != on.bounds[name]
    }
    lengths = [np.subtract(*region.bounds[n]) for n in moved for region in (on, to)]
    if len(moved) != 1 or not np.allclose(lengths, lengths[:1]):
        raise ValueError(
            f"Paired regions {on.label!r} and {to.label!r} must be shifts of each other along one "
            "coordinate, such as domain.face(x=0) and domain.face(x=1)."
        )
    return next(iter(moved.items()))
