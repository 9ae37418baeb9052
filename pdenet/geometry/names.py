"""Checks of coordinate names and numbers, shared by all regions."""

from __future__ import annotations

import keyword
import math
from collections.abc import Iterable, Sequence
from typing import Any

TIME = "t"
"""The one coordinate name with a meaning of its own."""


def check_names(names: Iterable[str], parameters: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the coordinate names as a tuple, or say what is wrong with them.

    Args:
        names: Coordinate names in the order of the columns of ``x``.
        parameters: Those of the names that are parameters of the problem.

    Returns:
        The names.

    Raises:
        ValueError: A name is no identifier, appears twice, or equals the name of a normal.
    """
    names = tuple(names)
    if not names:
        raise ValueError(
            "A region needs at least one coordinate, e.g. Interval(x=(0, 1)); got none."
        )
    for name in names:
        if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
            raise ValueError(
                f"Coordinate name {name!r} is not a Python identifier; residuals take coordinates "
                f"as arguments, so call it something like 'x' or 'x1'."
            )
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(
            f"Coordinates {repeated} appear more than once in {names}. Rename them, e.g. "
            f"Disk(..., coordinates=('x', 'y')) * Interval(z=(0, 1))."
        )
    normals = {f"n{name}": name for name in names if name != TIME and name not in set(parameters)}
    for name in names:
        if name in normals:
            raise ValueError(
                f"Coordinate {name!r} has the name of the normal's component along "
                f"{normals[name]!r}. Rename one of them."
            )
    return names


def check_number(value: Any, what: str) -> float:
    """Return ``value`` as a float; ``what`` names it in the error.

    Args:
        value: Anything that converts to one number.
        what: Its name in the error message.

    Returns:
        The number.

    Raises:
        ValueError: It is no number, or not finite.
    """
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"{what} must be a number; got {value!r}.") from None
    if not math.isfinite(number):
        raise ValueError(f"{what} must be finite; got {number}.")
    return number


def check_positive(value: Any, what: str) -> float:
    """Return ``value`` as a positive float; ``what`` names it in the error.

    Args:
        value: Anything that converts to one number.
        what: Its name in the error message.

    Returns:
        The number.

    Raises:
        ValueError: It is no finite number above zero.
    """
    number = check_number(value, what)
    if number <= 0:
        raise ValueError(f"{what} must be positive; got {number:g}.")
    return number


def check_vector(value: Any, size: int, what: str) -> tuple[float, ...]:
    """Return ``value`` as a tuple of ``size`` floats; ``what`` names it in the error.

    Args:
        value: A sequence of numbers.
        size: How many there must be.
        what: Its name in the error message.

    Returns:
        The numbers.

    Raises:
        ValueError: It is no sequence, has another length, or holds something not finite.
    """
    try:
        entries = tuple(value)
    except TypeError:
        raise ValueError(f"{what} must be {size} numbers; got {value!r}.") from None
    if len(entries) != size:
        raise ValueError(f"{what} must be {size} numbers; got {len(entries)}: {value!r}.")
    return tuple(check_number(entry, f"{what}[{i}]") for i, entry in enumerate(entries))


def check_interval(value: Any, what: str) -> tuple[float, float]:
    """Return ``value`` as a pair ``(low, high)``; ``what`` names it in the error.

    Args:
        value: A pair of numbers.
        what: Its name in the error message.

    Returns:
        Low and high bound.

    Raises:
        ValueError: It is no pair of finite numbers, or low is not below high.
    """
    low, high = check_vector(value, 2, what)
    if low > high:
        raise ValueError(f"{what} has its bounds reversed: {low:g} > {high:g}. Swap them.")
    # An interval below the spacing of its floats holds no points to draw.
    if high - low <= 4 * math.ulp(max(abs(low), abs(high))):
        raise ValueError(f"{what} has zero measure: its bounds are {low!r} and {high!r}.")
    if not math.isfinite(high - low):
        raise ValueError(f"{what} is longer than a float can say: {low:g} to {high:g}.")
    return low, high


def check_count(n: Any) -> int:
    """Return the number of points asked for, as an int.

    Args:
        n: A positive whole number.

    Returns:
        The number.

    Raises:
        ValueError: It is not a positive whole number.
    """
    if isinstance(n, bool) or not hasattr(n, "__index__") or n < 1:
        raise ValueError(f"The number of points must be a positive whole number; got {n!r}.")
    return int(n)


def face_label(name: str, value: float, interval: Sequence[float]) -> str:
    """Return the readable name of a face such as ``"x=0"``.

    Args:
        name: The coordinate that is constant on the face.
        value: Its value there.
        interval: Both ends, which the labels must tell apart.

    Returns:
        The label.
    """
    short = {f"{end:.6g}" for end in interval}
    return f"{name}={value:.6g}" if len(short) == len(interval) else f"{name}={value!r}"
