"""Given values on the boundary and at the first time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from pdenet.conditions.base import Condition, require_region, require_values
from pdenet.conditions.values import Value, argument_names, checked, differences, with_signature
from pdenet.geometry import Region
from pdenet.jets import Vector


class Dirichlet(Condition):
    """Given values of fields: ``Dirichlet(u=0, on=domain.boundary)``.

    Args:
        on: Part of the boundary.
        hard: True imposes them exactly by the network's form, or refuses; False trains them; None
            imposes them where the geometry allows.
        values: By field, a number or a function of coordinates; a tuple of these for a vector.

    Raises:
        ValueError: No field is named, or a value is neither number nor function of coordinates.
    """

    def __init__(self, on: Region, hard: bool | None = None, **values: Value) -> None:
        require_values(self, values)
        require_region(self, on)
        values = {n: checked(f"Dirichlet({n}=...)", v, on) for n, v in values.items()}
        super().__init__(_difference(values), on)
        frozen = MappingProxyType(values)
        self._set(values=frozen, prescribed=frozen, hard=hard)


class Initial(Condition):
    """Given values at the first time, and given rates where the equation is of second order.

    Args:
        on: ``domain.initial``.
        hard: As for :class:`Dirichlet`.
        rate: Time derivatives by field, as numbers or functions of coordinates.
        values: By field, a number or a function of the coordinates.

    Raises:
        ValueError: A rate is given for a field without a value, a value is neither number nor
            function of coordinates, or ``on`` is not at one time.
    """

    rate: Mapping[str, Value]

    def __init__(
        self,
        on: Region,
        hard: bool | None = None,
        rate: Mapping[str, Value] | None = None,
        **values: Value,
    ) -> None:
        require_values(self, values)
        require_region(self, on)
        first, last = on.bounds.get("t", (0.0, 1.0))
        if first != last:
            raise ValueError(
                f"Initial(on=...) got {on.label!r}, which is not at one time; give "
                "domain.initial. Values on other parts are Dirichlet(u=..., on=...)."
            )
        rates = dict(rate or {})
        if not rates.keys() <= values.keys():
            raise ValueError(
                f"Initial(rate=...) names {sorted(rates)}, but values are given for "
                f"{sorted(values)}; a rate needs its field's value too."
            )
        values = {n: checked(f"Initial({n}=...)", v, on) for n, v in values.items()}
        rates = {n: checked(f"Initial(rate={n}: ...)", v, on) for n, v in rates.items()}
        super().__init__(_difference(values, rates), on)
        self._set(
            values=MappingProxyType(values),
            rate=MappingProxyType(rates),
            prescribed=MappingProxyType({**values, **{f"{n}.t": v for n, v in rates.items()}}),
            hard=hard,
        )

    def at_time(self, start: float, end: float, values: Mapping[str, Value] | None) -> Condition:
        """The start of another window.

        Args:
            start: First time.
            end: Last time.
            values: Replace the start values by field ``u`` and, for a rate, by ``u.t``.

        Returns:
            The condition.
        """
        on = self.on.at_time(start, end)
        if values is None:
            return Initial(on, self.hard, self.rate, **self.values)
        rate = {name: values[f"{name}.t"] for name in self.rate}
        return Initial(on, self.hard, rate, **{name: values[name] for name in self.values})


def _difference(
    values: Mapping[str, Any], rates: Mapping[str, Any] | None = None
) -> Callable[..., Any]:
    rates = rates or {}

    def residual(**known: Any) -> tuple[Any, ...]:
        rows = [row for name, v in values.items() for row in differences(known[name], v, known)]
        rows += [
            row for name, v in rates.items() for row in differences(_rate(known[name]), v, known)
        ]
        return tuple(rows)

    return with_signature(residual, argument_names(values, [*values.values(), *rates.values()]))


def _rate(u: Any) -> Any:
    return Vector([_rate(c) for c in u]) if isinstance(u, Vector) else u.d("t")
