"""Equal values and derivatives on opposite faces."""

from __future__ import annotations

from typing import Any

from pdenet.conditions.base import Condition, shift_between
from pdenet.conditions.values import with_signature
from pdenet.geometry import Region


class Periodic(Condition):
    """Equal values and derivatives on two opposite faces.

    Args:
        fields: Names of the periodic fields.
        on: One face.
        to: The opposite face.
        order: Highest derivative across the face that is matched; the equation's order less one.
        hard: True imposes it exactly by a periodic embedding, or refuses; False trains it; None
            imposes it where possible.

    Raises:
        ValueError: No field is named, or ``order`` is negative.
    """

    def __init__(
        self, *fields: str, on: Region, to: Region, order: int = 1, hard: bool | None = None
    ) -> None:
        if not fields or order < 0:
            raise ValueError(
                f"Periodic{fields} with order={order}: name at least one field, order 0 or more."
            )
        names = [*fields, *(f"{name}_to" for name in fields)]
        super().__init__(lambda: None, on, to)
        self.coordinate, self.period = shift_between(on, to)
        self.fields, self.order, self.hard = fields, order, hard

        def residual(**known: Any) -> tuple[Any, ...]:
            def jump(name: str, k: int) -> Any:
                along = (self.coordinate,) * k
                here, there = known[name], known[f"{name}_to"]
                return _partial(here, along) - _partial(there, along)

            return tuple(jump(name, k) for name in fields for k in range(order + 1))

        self.residual = with_signature(residual, names)


def _partial(u: Any, along: tuple[str, ...]) -> Any:
    return u.d(*along) if along else u
