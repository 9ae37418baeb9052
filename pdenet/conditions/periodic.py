"""Equal values and derivatives on opposite faces."""

from __future__ import annotations

from typing import Any

from pdenet.conditions.base import Condition, require_region, shift_between
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

    Attributes:
        coordinate: The one that differs between the faces.
        period: Its difference.

    Raises:
        ValueError: No field is named, ``order`` is negative, or the faces are not shifts of each
            other.
    """

    coordinate: str
    period: float
    fields: tuple[str, ...]
    order: int

    def __init__(
        self, *fields: str, on: Region, to: Region, order: int = 1, hard: bool | None = None
    ) -> None:
        if not fields or order < 0:
            raise ValueError(
                f"Periodic{fields} with order={order}: name at least one field, order 0 or more."
            )
        for region in (on, to):
            require_region(self, region)
        coordinate, period = shift_between(on, to)

        def residual(**known: Any) -> tuple[Any, ...]:
            def jump(name: str, k: int) -> Any:
                along = (coordinate,) * k
                return _partial(known[name], along) - _partial(known[f"{name}_to"], along)

            return tuple(jump(name, k) for name in fields for k in range(order + 1))

        names = [*fields, *(f"{name}_to" for name in fields)]
        super().__init__(with_signature(residual, names), on, to)
        self._set(coordinate=coordinate, period=period, fields=fields, order=order, hard=hard)


def _partial(u: Any, along: tuple[str, ...]) -> Any:
    return u.d(*along) if along else u
