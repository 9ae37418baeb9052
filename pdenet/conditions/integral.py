"""Fluxes, means, total masses: one row for a region."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

from pdenet.conditions.base import Condition, require_region
from pdenet.conditions.values import Value, with_signature
from pdenet.geometry import Region
from pdenet.jets import Vector


class Integral(Condition):
    """An integral has a given value: a flux, a mean, a total mass. One row.

    Args:
        integrand: Function of names, as a residual; one row of shape (n,).
        on: Region of integration.
        equals: Value of the integral, in the integrand's units times the region's measure.
        mean: Whether ``equals`` is the mean over the region instead.

    Raises:
        ValueError: The integrand is no function of names, or ``equals`` is not a finite number.
    """

    integral = True

    def __init__(
        self, integrand: Callable[..., Any], on: Region, equals: float = 0.0, mean: bool = False
    ) -> None:
        require_region(self, on)
        if not callable(integrand):
            raise ValueError(f"An integrand is a function of named fields; got {integrand!r}.")
        value = float(equals)
        if not math.isfinite(value):
            raise ValueError(f"Integral(equals={value}) is not finite; give a finite number.")
        # Spread over the region, so that the row is one weighted sum of pointwise rows.
        density = value if mean else value / on.measure

        def residual(**known: Any) -> Any:
            row = integrand(**known)
            if isinstance(row, tuple | list | Vector):
                raise ValueError(
                    f"An integrand returned {len(row)} rows; give each an Integral of its own."
                )
            return row - density

        names = list(inspect.signature(integrand).parameters)
        super().__init__(with_signature(residual, names), on)
        self._set(normalization=on.measure if mean else 1.0)

    def at_time(
        self, start: float, end: float, values: Mapping[str, Value] | None
    ) -> Condition | None:
        """Refused: an integral over all times does not say what those over windows are.

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
            f"An integral over {self.on.label!r} extends over time and cannot be cut into windows; "
            "solve without time windows, or fix the value at points: "
            "Condition(lambda p: p, on=...)."
        )
