"""Two fields that meet on a curve or surface."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from pdenet.conditions.base import Condition, require_region
from pdenet.conditions.values import Value, argument_names, checked, evaluate, with_signature
from pdenet.geometry import Region
from pdenet.jets import normal_derivative


class Interface(Condition):
    """Two fields meet on an interface: a jump of the value, and a jump of the flux.

    Args:
        left: Scalar field on the side that the normal leaves.
        right: Scalar field on the side that the normal enters.
        on: Curve or surface with normals.
        conductivity: Coefficients of the normal derivatives on the two sides.
        jump: Value of ``left - right``.
        flux: Value of ``k_left dn(left) - k_right dn(right)``.

    Raises:
        ValueError: Both sides are the same field, there are not two conductivities, or one of the
            values is neither number nor function.
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
        require_region(self, on)
        if left == right:
            raise ValueError(f"Interface({left!r}, {right!r}) needs a field for each side.")
        if not isinstance(conductivity, tuple) or len(conductivity) != 2:
            raise ValueError(
                f"Interface(conductivity={conductivity!r}) needs two values: (left, right)."
            )
        prescribed: dict[str, Any] = {
            name: checked(f"Interface({name}=...)", value, on, unknowns=True)
            for name, value in (("conductivity", conductivity), ("jump", jump), ("flux", flux))
        }
        normals = [f"n{name}" for name in on.space]
        data = (*prescribed["conductivity"], prescribed["jump"], prescribed["flux"])

        def residual(**known: Any) -> tuple[Any, ...]:
            k_left, k_right, gap, source = (evaluate(v, known) for v in data)
            normal = [known[name] for name in normals]
            leaving = k_left * normal_derivative(known[left], *normal)
            entering = k_right * normal_derivative(known[right], *normal)
            return known[left] - known[right] - gap, leaving - entering - source

        names = argument_names([left, right, *normals], data)
        super().__init__(with_signature(residual, names), on)
        self._set(prescribed=MappingProxyType(prescribed))
