"""Given normal derivatives, alone or with the value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from pdenet.conditions.base import Condition, require_region, require_values
from pdenet.conditions.values import (
    Value,
    argument_names,
    checked,
    evaluate,
    flat,
    with_signature,
)
from pdenet.geometry import Region
from pdenet.jets import normal_derivative


class Neumann(Condition):
    """Given outward normal derivatives: ``Neumann(u=0, on=domain.face(x=1))``.

    Args:
        on: Part of the boundary.
        hard: As for :class:`Dirichlet`; possible where the field's value is imposed exactly on the
            same part, as on a clamped edge, and the derivative is given without normals.
        values: By scalar field, a number or a function of coordinates and normals.

    Raises:
        ValueError: No field is named, a value is neither number nor function of coordinates and
            normals, or one that takes normals is to be imposed exactly.
    """

    def __init__(self, on: Region, hard: bool | None = None, **values: Value) -> None:
        require_values(self, values)
        require_region(self, on)
        values = {n: checked(f"Neumann({n}=...)", v, on) for n, v in values.items()}
        if set(argument_names((), values.values())) & set(_normals(on)):
            if hard:
                raise ValueError(
                    "Neumann(hard=True) got a function of the normal, which is known on the "
                    "boundary only; write it as a function of coordinates, or leave hard out."
                )
            hard = False
        super().__init__(_robin({n: (0.0, 1.0, v) for n, v in values.items()}, on), on)
        frozen = MappingProxyType(values)
        self._set(values=frozen, prescribed=frozen, hard=hard)


class Robin(Condition):
    """``a u + b du/dn = g``: ``Robin(u=(a, b, g), on=...)``.

    Args:
        on: Part of the boundary.
        terms: By scalar field, the triple (a, b, g) of numbers or functions of coordinates,
            normals and unknown constants.

    Raises:
        ValueError: A field's terms are not three, or one is neither number nor function.
    """

    def __init__(self, on: Region, **terms: tuple[Value, Value, Value]) -> None:
        require_values(self, terms)
        require_region(self, on)
        prescribed = {}
        for name, triple in terms.items():
            if not isinstance(triple, tuple) or len(flat(triple)) != 3 or len(triple) != 3:
                raise ValueError(
                    f"Robin({name}={triple!r}) needs three terms (a, b, g) of a u + b du/dn = g."
                )
            prescribed[name] = checked(f"Robin({name}=...)", triple, on, unknowns=True)
        super().__init__(_robin(prescribed, on), on)
        self._set(prescribed=MappingProxyType(prescribed))


def _normals(on: Region) -> list[str]:
    return [f"n{name}" for name in on.space]


def _robin(terms: Mapping[str, tuple[Any, Any, Any]], on: Region) -> Callable[..., Any]:
    normals = _normals(on)

    def residual(**known: Any) -> tuple[Any, ...]:
        normal = [known[name] for name in normals]
        rows = []
        for name, triple in terms.items():
            a, b, g = (evaluate(v, known) for v in triple)
            rows.append(a * known[name] + b * normal_derivative(known[name], *normal) - g)
        return tuple(rows)

    values = [v for triple in terms.values() for v in triple]
    return with_signature(residual, argument_names([*terms, *normals], values))
