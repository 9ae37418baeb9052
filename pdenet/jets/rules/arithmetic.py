"""Sums, products, choices and comparisons of jets, tensors and numbers."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pdenet.jets import algebra
from pdenet.jets.rules.shapes import (
    check_pair,
    constant,
    each,
    is_jet,
    level,
    parts_of,
    value_of,
    widen,
)

if TYPE_CHECKING:
    from pdenet.jets.jet import Jet


def add(a: Any, b: Any, *, alpha: float = 1) -> "Jet":
    """Sum."""
    if alpha != 1:
        b = multiply(b, alpha)
    if not is_jet(a):
        a, b = b, a
    if not is_jet(b):
        value = a.value + constant(b, a)
        return a.like([value, *(widen(part, value) for part in a.parts[1:])])
    check_pair(a, b)
    if a.stacked is not None and b.stacked is not None:
        return a.like(a.stacked + b.stacked)
    return a.like(level([algebra.add(f, g) for f, g in zip(a.parts, b.parts, strict=True)]))


def subtract(a: Any, b: Any, *, alpha: float = 1) -> "Jet":
    """Difference."""
    return add(a, multiply(b, -alpha))


def negative(a: "Jet") -> "Jet":
    """Minus a jet."""
    return each(torch.neg, a)


def multiply(a: Any, b: Any) -> Any:
    """Product."""
    if not is_jet(a):
        a, b = b, a
    if not is_jet(a):
        return a * b
    if is_jet(b):
        check_pair(a, b)
        return a.like(level(algebra.multiply(a.layout, a.parts, b.parts)))
    factor = constant(b, a)
    return each(lambda channel: channel * factor, a)


def where(condition: Any, a: Any, b: Any) -> "Jet":
    """Choice, entry by entry; derivatives hold away from the switch."""
    like = a if is_jet(a) else b
    switch = value_of(condition)
    pairs = list(zip(parts_of(a, like), parts_of(b, like), strict=True))
    value = torch.where(switch, *pairs[0])
    rest = [
        0.0 if algebra.is_zero(p) and algebra.is_zero(q) else torch.where(switch, p, q)
        for p, q in pairs[1:]
    ]
    return like.like(level([value, *rest]))


def comparison(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Rule of a comparison: of the values, with a plain tensor as the result."""
    return lambda a, b: function(value_of(a), value_of(b))


def dropout(x: "Jet", p: float = 0.5, training: bool = True, inplace: bool = False) -> "Jet":
    """Dropout, with one mask for all channels of an entry."""
    if not training or p == 0:
        return x
    return multiply(x, torch.dropout(torch.ones_like(x.value), p, True))
