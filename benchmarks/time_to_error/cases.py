"""The problems as other packages are told them: the catalogue's equations in neutral words.

Equations are functions of ``m``, a module with sin, cos and exp (numpy, torch, jax.numpy), of the
coordinates, and of ``d``: ``d("u")`` is a field, ``d("u", "xx")`` a partial of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import pi, sqrt
from typing import Any

Derivatives = Callable[..., Any]
Values = Callable[[Any, Any, Any], Any]
"""Function of m and two coordinates."""


@dataclass(frozen=True)
class Case:
    """One problem on a rectangle.

    Args:
        problem: Its name in the catalogue, whose reference and quadrature measure all contenders.
        coordinates: Names of the two coordinates.
        low: Lower ends.
        high: Upper ends.
        equations: ``(m, a, b, d)`` to rows that are zero, one an equation.
        fields: Names of the unknown functions.
        walls: Values on the boundary in space, by field.
        start: Value at t = 0, or None.
        at_rest: Whether the rate at t = 0 is zero too.
        periods: Columns in which the solution is periodic, with the length of the domain.
    """

    problem: str
    coordinates: tuple[str, str]
    low: tuple[float, float]
    high: tuple[float, float]
    equations: Callable[[Any, Any, Any, Derivatives], list[Any]]
    fields: tuple[str, ...] = ("u",)
    walls: Mapping[str, Values] = field(default_factory=dict)
    start: Values | None = None
    at_rest: bool = False
    periods: tuple[int, ...] = ()

    @property
    def in_time(self) -> bool:
        """Whether the second coordinate is time."""
        return self.coordinates[1] == "t"


def _poisson(m: Any, x: Any, y: Any, d: Derivatives) -> list[Any]:
    source = 2 * pi**2 * m.sin(pi * x) * m.sin(pi * y)
    return [d("u", "xx") + d("u", "yy") + source]


WAVE = 6 * pi


def _helmholtz(m: Any, x: Any, y: Any, d: Derivatives) -> list[Any]:
    source = (1 - 2 * WAVE**2) * m.sin(WAVE * x) * m.sin(WAVE * y)
    return [d("u", "xx") + d("u", "yy") + d("u") - source]


def _burgers(m: Any, x: Any, t: Any, d: Derivatives) -> list[Any]:
    return [d("u", "t") + d("u") * d("u", "x") - 0.01 / pi * d("u", "xx")]


def _allen_cahn(m: Any, x: Any, t: Any, d: Derivatives) -> list[Any]:
    u = d("u")
    return [d("u", "t") - 1e-4 * d("u", "xx") - 5 * (u - u**3)]


def _wave(m: Any, x: Any, t: Any, d: Derivatives) -> list[Any]:
    return [d("u", "tt") - 4 * d("u", "xx")]


REYNOLDS = 40.0
DECAY = REYNOLDS / 2 - sqrt(REYNOLDS**2 / 4 + 4 * pi**2)


def _flow(m: Any, x: Any, y: Any, d: Derivatives) -> list[Any]:
    u, v = d("u"), d("v")
    along_x = u * d("u", "x") + v * d("u", "y") + d("p", "x")
    along_y = u * d("v", "x") + v * d("v", "y") + d("p", "y")
    return [
        along_x - (d("u", "xx") + d("u", "yy")) / REYNOLDS,
        along_y - (d("v", "xx") + d("v", "yy")) / REYNOLDS,
        d("u", "x") + d("v", "y"),
    ]


def _flow_u(m: Any, x: Any, y: Any) -> Any:
    return 1 - m.exp(DECAY * x) * m.cos(2 * pi * y)


def _flow_v(m: Any, x: Any, y: Any) -> Any:
    return DECAY / (2 * pi) * m.exp(DECAY * x) * m.sin(2 * pi * y)


def _zero(m: Any, x: Any, y: Any) -> Any:
    return 0 * x


def _two_modes(m: Any, x: Any, t: Any) -> Any:
    return m.sin(pi * x) + 0.5 * m.sin(4 * pi * x)


SPACE, TIME = ("x", "y"), ("x", "t")
CASES: dict[str, Case] = {
    case.problem: case
    for case in (
        Case("poisson-2d", SPACE, (0.0, 0.0), (1.0, 1.0), _poisson, walls={"u": _zero}),
        Case("helmholtz-2d", SPACE, (-1.0, -1.0), (1.0, 1.0), _helmholtz, periods=(0, 1)),
        Case("burgers", TIME, (-1.0, 0.0), (1.0, 1.0), _burgers, walls={"u": _zero},
             start=lambda m, x, t: -m.sin(pi * x)),
        Case("allen-cahn", TIME, (-1.0, 0.0), (1.0, 1.0), _allen_cahn,
             start=lambda m, x, t: x**2 * m.cos(pi * x), periods=(0,)),
        Case("wave-1d", TIME, (0.0, 0.0), (1.0, 1.0), _wave, walls={"u": _zero},
             start=_two_modes, at_rest=True),
        Case("kovasznay", SPACE, (-0.5, -0.5), (1.0, 1.5), _flow, fields=("u", "v", "p"),
             walls={"u": _flow_u, "v": _flow_v}),
    )
}  # fmt: skip
