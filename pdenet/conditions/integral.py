"""Fluxes, means, total masses: one row for a region."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from pdenet.conditions.base import Condition
from pdenet.conditions.values import with_signature
from pdenet.geometry import Region


class Integral(Condition):
    """An integral has a given value: a flux, a mean, a total mass. One row.

    Args:
        integrand: Function of names, as a residual; rows of shape (n,).
        on: Region of integration.
        equals: Value of the integral, in the integrand's units times the region's measure.
        mean: Whether ``equals`` is the mean over the region instead.
    """

    integral = True

    def __init__(
        self, integrand: Callable[..., Any], on: Region, equals: float = 0.0, mean: bool = False
    ) -> None:
        self.normalization = on.measure if mean else 1.0
        target = float(equals) * self.normalization / on.measure
        names = list(inspect.signature(integrand).parameters)

        def residual(**known: Any) -> Any:
            return integrand(**known) - target

        super().__init__(with_signature(residual, names), on)
