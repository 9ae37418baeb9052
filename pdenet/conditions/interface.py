"""Two fields that meet on a curve or surface."""

from __future__ import annotations

from typing import Any

from pdenet.conditions.base import Condition
from pdenet.conditions.values import Value, argument_names, evaluate, with_signature
from pdenet.geometry import Region
from pdenet.jets import normal_derivative


class Interface(Condition):
    """Two fields meet on an interface: a jump of the value, and a jump of the flux.

    Args:
        left: Field on the side that the normal leaves.
        right: Field on the side that the normal enters.
        on: Curve or surface with normals.
        conductivity: Coefficients of the normal derivatives on the two sides.
        jump: Value of ``left - right``.
        flux: Value of ``k_left dn(left) - k_right dn(right)``.
    """

    def __init__(
        self,
        left: str,
        right: str,
        on: Region,
        conductivity: tuple[Value, Value] = (1.0, 1.0),
        jump: Value = 0.0,
        flux: Value = 0.0,
    ) -> None:
        normals = [f"n{name}" for name in on.space]
        data = (*conductivity, jump, flux)

        def residual(**known: Any) -> tuple[Any, ...]:
            inside, outside = known[left], known[right]
            k_in, k_out, gap, source = (evaluate(v, known) for v in data)
            normal = [known[name] for name in normals]
            flux_in = k_in * normal_derivative(inside, *normal)
            return inside - outside - gap, flux_in - k_out * normal_derivative(
                outside, *normal
            ) - source

        names = argument_names([left, right, *normals], data)
        super().__init__(with_signature(residual, names), on)
