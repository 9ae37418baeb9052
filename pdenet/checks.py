"""Checks of the numbers that build a problem."""

from __future__ import annotations

import math


def positive(**numbers: float) -> None:
    """Refuses numbers that are not positive and finite.

    Args:
        numbers: Values by the names that the error shall show.

    Raises:
        ValueError: A number is zero, negative, infinite or not a number.

    Example:
        >>> positive(nu=0.01, frequency=2)
        >>> positive(nu=-1.0)
        Traceback (most recent call last):
        ...
        ValueError: nu=-1.0 must be positive and finite.
    """
    for name, value in numbers.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name}={value} must be positive and finite.")


def finite(**numbers: float) -> None:
    """Refuses numbers that are infinite or not a number.

    Args:
        numbers: Values by the names that the error shall show.

    Raises:
        ValueError: A number is not finite.

    Example:
        >>> finite(speed=-50.0)
    """
    for name, value in numbers.items():
        if not math.isfinite(value):
            raise ValueError(f"{name}={value} must be finite.")
