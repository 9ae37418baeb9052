"""Operations written in terms of others.

They serve whatever torch functions serve: jets, fields and tensors.
"""

from collections.abc import Callable
from typing import Any

import torch


def addcmul(a: Any, b: Any, c: Any, *, value: float = 1) -> Any:
    """Sum of one operand and a multiple of a product."""
    return a + value * (b * c)


def atan2(y: Any, x: Any) -> Any:
    """Angle of a point in the plane."""
    # Of the quotients y/x and x/y, the smaller, so that nothing is divided by zero away from the
    # origin. The rest of the angle is constant between the diagonals.
    steep = abs(_value(y)) > abs(_value(x))
    ratio = torch.where(steep, x, y) / torch.where(steep, y, x)
    part = torch.atan(ratio)
    part = torch.where(steep, -part, part)
    angle = torch.atan2(torch.as_tensor(_value(y)), torch.as_tensor(_value(x)))
    return part + (angle - _value(part)).detach()


def clamp(x: Any, min: Any = None, max: Any = None) -> Any:
    """Restriction to an interval; derivatives hold away from its ends."""
    x = x if min is None else maximum(x, min)
    return x if max is None else minimum(x, max)


def hypot(x: Any, y: Any) -> Any:
    """Distance of a point in the plane from the origin."""
    return torch.sqrt(x * x + y * y)


def lerp(start: Any, end: Any, weight: Any) -> Any:
    """Linear interpolation."""
    return start + weight * (end - start)


def logaddexp(a: Any, b: Any) -> Any:
    """Logarithm of a sum of exponentials."""
    return a + torch.nn.functional.softplus(b - a)


def logsigmoid(x: Any) -> Any:
    """Logarithm of the logistic function."""
    return -torch.nn.functional.softplus(-x)


def maximum(a: Any, b: Any) -> Any:
    """The larger; derivatives hold where they differ."""
    return torch.where(_value(a) >= _value(b), a, b)


def minimum(a: Any, b: Any) -> Any:
    """The smaller; derivatives hold where they differ."""
    return torch.where(_value(a) <= _value(b), a, b)


def mish(x: Any, inplace: bool = False) -> Any:
    """The argument times tanh of its softplus."""
    return x * torch.tanh(torch.nn.functional.softplus(x))


def norm(x: Any, p: float | str = 2, dim: Any = None, keepdim: bool = False, ord: float = 2) -> Any:
    """Euclidean norm over trailing axes.

    Args:
        x: Values.
        p: Order of the norm; 2.
        dim: Axes.
        keepdim: Whether the axes stay, with length one.
        ord: Another name of the order.

    Returns:
        The norm.

    Raises:
        ValueError: Another order than 2.
    """
    if p not in (2, "fro") or ord != 2:
        raise ValueError(f"A norm of order {p if p != 2 else ord}; only 2 has a rule.")
    return torch.sqrt((x * x).sum(dim, keepdim=keepdim))


def normalize(x: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: None = None) -> Any:
    """A vector divided by its norm."""
    return x / clamp(norm(x, p, dim, keepdim=True), min=eps)


def _value(x: Any) -> Any:
    return getattr(x, "value", x)


COMPOSITES: dict[str, Callable[..., Any]] = {
    "addcmul": addcmul,
    "atan2": atan2,
    "clamp": clamp,
    "hypot": hypot,
    "lerp": lerp,
    "logaddexp": logaddexp,
    "logsigmoid": logsigmoid,
    "maximum": maximum,
    "minimum": minimum,
    "mish": mish,
    "norm": norm,
    "normalize": normalize,
}
"""Operations in terms of others, by the name of the torch operation."""
