"""A residual that is to vanish on a region."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NoReturn, Self

import numpy as np
from torch import Tensor

from pdenet.conditions.values import Value
from pdenet.geometry import Points, Region


class Condition:
    """A residual that is to vanish on a region. Frozen, as the problem that it is part of.

    Args:
        residual: Function of named fields, coordinates, normals (``nx``) and unknowns. Returns
            rows of shape (n,), or a tuple of such rows. Fields at the partner points of a paired
            condition carry the suffix ``_to``.
        on: Region on which it holds.
        to: Region whose points are paired with those of ``on``; it must be ``on`` shifted along
            one coordinate.

    Attributes:
        integral: Whether the weighted sum of the rows is to vanish, not each of them.
        normalization: What that sum is divided by.
        values: Prescribed values by field.
        prescribed: All prescribed numbers and functions, by what they are.
        hard: Whether the values are imposed by the network's form; None where that is possible.
        shift: Coordinate and distance from ``on`` to ``to``.

    Raises:
        ValueError: ``on`` is not a region, the residual is not a function of names, or the paired
            regions are not shifts of each other.
    """

    integral: bool = False
    normalization: float = 1.0
    values: Mapping[str, Value] = MappingProxyType({})
    prescribed: Mapping[str, Value] = MappingProxyType({})
    hard: bool | None = False

    residual: Callable[..., Any]
    on: Region
    to: Region | None
    shift: tuple[str, float] | None

    def __init__(self, residual: Callable[..., Any], on: Region, to: Region | None = None) -> None:
        for region in (on,) if to is None else (on, to):
            require_region(self, region)
        if not callable(residual):
            raise ValueError(f"A residual is a function of named fields; got {residual!r}.")
        shift = None if to is None else shift_between(on, to)
        self._set(residual=residual, on=on, to=to, shift=shift)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(on={self.on.label!r})"

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"Conditions are frozen; build a new one instead of setting {name!r}.")

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # nothing in it changes

    @property
    def paired(self) -> bool:
        """Whether the residual takes fields at partner points too."""
        return self.to is not None

    def data(self, points: Points) -> dict[str, Tensor]:
        """Measured values at points of the region, by the name that the residual takes."""
        return {}

    def at_time(
        self, start: float, end: float, values: Mapping[str, Value] | None
    ) -> Condition | None:
        """The same condition between other times.

        Args:
            start: First time.
            end: Last time.
            values: Replace initial data, by field.

        Returns:
            The condition; None where nothing of it lies between these times.
        """
        to = None if self.to is None else self.to.at_time(start, end)
        return self._moved(on=self.on.at_time(start, end), to=to)

    def _moved(self, **attributes: Any) -> Self:
        moved = object.__new__(type(self))
        moved._set(**{**self.__dict__, **attributes})
        return moved

    def _set(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


def require_region(condition: Condition, region: Any) -> None:
    """Refuses what is not a region.

    Args:
        condition: The condition being built.
        region: Where it shall hold.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(region, Region):
        raise ValueError(
            f"{type(condition).__name__}(on=...) got {region!r}; give a region such as "
            "domain.interior or domain.face(x=0)."
        )


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
    moved = [n for n, interval in on.bounds.items() if to.bounds.get(n) != interval]
    if len(moved) == 1 and on.coordinates == to.coordinates:
        (name,) = moved
        low, high = np.subtract(to.bounds[name], on.bounds[name])
        if np.isclose(low, high):
            return name, float(low)
    raise ValueError(
        f"Paired regions {on.label!r} and {to.label!r} must be shifts of each other along one "
        "coordinate, such as domain.face(x=0) and domain.face(x=1)."
    )
