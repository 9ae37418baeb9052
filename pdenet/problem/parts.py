"""What a problem is made of besides its conditions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, ClassVar, Protocol

from torch import Tensor


class Reference(Protocol):
    """What a problem's solution is compared with; see :mod:`pdenet.references`."""

    kind: ClassVar[Any]  # Any: each class has a literal type of its own
    """One of exact, spectral, finite-elements, file."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields that it knows."""
        ...

    def __call__(self, **coordinates: Tensor) -> dict[str, Tensor]:
        """Values of its fields, each of shape (n,) or (n, k), at coordinates of shape (n,)."""
        ...


@dataclass(frozen=True)
class Unknown:
    """A constant to be found from data, as in an inverse problem.

    Args:
        start: Value that training starts from.
        exact: True value, where it is known; for errors only, training never sees it.

    Raises:
        ValueError: A value is not finite.
    """

    start: float
    exact: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("start", self.start), ("exact", self.exact)):
            if value is not None and not math.isfinite(value):
                raise ValueError(f"Unknown({name}={value}) is not finite; give a finite number.")


def field_shapes(fields: Any) -> dict[str, tuple[int, ...]]:
    """Shape of each field, however they are written.

    Args:
        fields: A name, several, or a mapping from name to shape.

    Returns:
        Shape by name.

    Raises:
        ValueError: There is none, one twice, or a shape is none.
    """
    if isinstance(fields, str):
        fields = (fields,)
    names = list(fields)
    if not names:
        raise ValueError("A problem needs at least one field, such as fields='u'.")
    if len(set(names)) < len(names):
        raise ValueError(f"fields={names} names a field twice.")
    if not isinstance(fields, Mapping):
        return dict.fromkeys(names, ())
    shapes = {n: (s,) if isinstance(s, int) else tuple(s) for n, s in fields.items()}
    for name, shape in shapes.items():
        if any(not isinstance(k, int) or k < 1 for k in shape) or len(shape) > 2:
            raise ValueError(
                f"Field {name!r} has shape {shape}; use () for a scalar, 2 or (2,) for a vector, "
                "(2, 2) for a tensor."
            )
    return shapes


def likely(name: str, known: Any) -> str:
    """A guess at what was meant by an unknown name, in words.

    Args:
        name: The name.
        known: Those there are.

    Returns:
        A sentence.
    """
    close = get_close_matches(name, list(known), n=1)
    return (
        f"Did you mean {close[0]!r}?" if close else "Rename the argument or add it to the problem."
    )
