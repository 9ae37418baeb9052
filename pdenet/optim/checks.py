"""Checks of options at construction, in one wording."""

from __future__ import annotations


def require(owner: object, name: str, ok: bool, expected: str) -> None:
    """Refuses an option's value.

    Args:
        owner: Object whose attribute ``name`` holds the value.
        name: The option.
        ok: Whether the value is good.
        expected: What a good value is, such as ``"positive and finite"``.

    Raises:
        ValueError: ``ok`` is false; the message names the option, its value and what is expected.
    """
    if not ok:
        value = getattr(owner, name)
        raise ValueError(f"{type(owner).__name__}({name}={value!r}): it must be {expected}.")


def positive(owner: object, *names: str) -> None:
    """Refuses options that are not positive finite numbers.

    Args:
        owner: Object that holds them as attributes.
        names: The options.

    Raises:
        ValueError: One is not a positive finite number.
    """
    for name in names:
        value = getattr(owner, name)
        require(owner, name, 0 < value < float("inf"), "positive and finite")
