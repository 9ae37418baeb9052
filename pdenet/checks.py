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


def whole(least: int = 1, /, **numbers: int) -> None:
    """Refuses what is not a whole number of at least some size.

    Args:
        least: Smallest number allowed.
        numbers: Values by the names that the error shall show.

    Raises:
        ValueError: A number is not whole, or smaller than ``least``.

    Example:
        >>> whole(frequency=2)
        >>> whole(2, dimension=1)
        Traceback (most recent call last):
        ...
        ValueError: dimension=1 must be a whole number, 2 or more.
    """
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{name}={value} must be a whole number, {least} or more.")


def one_of(*choices: str, **words: str) -> None:
    """Refuses words that are not among the choices.

    Args:
        choices: The words allowed.
        words: Values by the names that the error shall show.

    Raises:
        ValueError: A word is not among the choices.

    Example:
        >>> one_of("clamped", "free", support="free")
    """
    for name, value in words.items():
        if value not in choices:
            raise ValueError(f"{name}={value!r} must be one of {', '.join(choices)}.")
