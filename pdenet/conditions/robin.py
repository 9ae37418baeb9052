"""Given normal derivatives, alone or with the value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pdenet.conditions.base import Condition, require_values
from pdenet.conditions.values import Value, argument_names, evaluate, with_signature
from pdenet.geometry import Region
from pdenet.jets import normal_derivative


class Neumann(Condition):
    """Given outward normal derivatives: ``Neumann(u=0, on=domain.face(x=1))``.

    Args:
        on: Part of the boundary.
        hard: As for :class:`Dirichlet`; possible where the field's value is imposed exactly on the
            same part, as on a clamped edge.
        values: By scalar field, a number or a function of coordinates.
    """

    def __init__(self, on: Region, hard: bool | None = None, **values: Value) -> None:
        require_values(self, values)
        super().__init__(_robin({n: (0.0, 1.0, v) for n, v in values.items()}, on), on)
        self.values = values
        self.hard = hard


class Robin(Condition):
    """``a u + b du/dn = g``: ``Robin(u=(a, b, g), on=...)``.

    Args:
        on: Part of the boundary.
        terms: By scalar field, the triple (a, b, g) of numbers or functions of coordinates.

    Raises:
        ValueError: A field's terms are not three.
    """

    def __init__(self, on: Region, **terms: tuple[Value, Value, Value]) -> None:
        require_values(self, terms)
        for name, triple in terms.items():
            if not isinstance(triple, tuple) or len(triple) != 3:
                raise ValueError(
                    f"Robin({name}={triple!r}) needs three terms (a, b, g) of a u + b du/dn = g."
                )
        super().__init__(_robin(terms, on), on)


def _robin(terms: Mapping[str, tuple[Any, Any, Any]], on: Region) -> Callable[..., Any]:
    normals = [f"n{name}" for name in on.space]

    def residual(**known: Any) -> tuple[Any, ...]:
        normal = [known[name] for name in normals]
        rows = []
        for name, triple in terms.items():
            a, b, g = (evaluate(v, known) for v in triple)
            rows.append(a * known[name] + b * normal_derivative(known[name], *normal) - g)
        return tuple(rows)

    values = [v for triple in terms.values() for v in triple]
    return with_signature(residual, argument_names([*terms, *normals], values))
