"""A density on a region, as part of an energy."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from pdenet.conditions import Condition, Value, with_signature
from pdenet.geometry import Region
from pdenet.jets import Vector


class Integrand(Condition):
    """A density that is integrated over a region: a part of an energy, not something to vanish.

    Args:
        density: Function of named fields, coordinates, normals (``nx``) and unknowns. Returns one
            number for each point, shape (n,), in units of the energy over the region's measure.
        on: Region of integration: the interior, or a part of the boundary for loads and springs.

    Raises:
        ValueError: The density is no function of names, or ``on`` is not a region.
    """

    def __init__(self, density: Callable[..., Any], on: Region) -> None:
        if not callable(density):
            raise ValueError(
                f"A density is a function of named fields, such as lambda u: u.x**2; got "
                f"{density!r}."
            )
        parameters = inspect.signature(density).parameters.values()
        names = [p.name for p in parameters if p.default is p.empty]

        def residual(**known: Any) -> Any:
            row = density(**known)
            if isinstance(row, tuple | list | Vector):
                raise ValueError(
                    f"A density returned {len(row)} rows; return their sum, one number a point."
                )
            return row

        super().__init__(with_signature(residual, names), on)

    def at_time(
        self, start: float, end: float, values: Mapping[str, Value] | None
    ) -> Condition | None:
        """Refused: an energy belongs to the whole domain.

        Args:
            start: First time.
            end: Last time.
            values: Of no effect.

        Returns:
            Nothing.

        Raises:
            ValueError: Always.
        """
        raise ValueError(
            f"An energy over {self.on.label!r} cannot be cut into time windows; solve without."
        )
