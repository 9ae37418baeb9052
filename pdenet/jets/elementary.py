"""Elementary functions of one variable and their derivatives.

Each takes the argument and an order and returns the function and its derivatives up to that order.
A derivative that vanishes identically is the number 0.0, so that no rule multiplies by it.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor

from pdenet.jets.algebra import Term, compose, times
from pdenet.jets.layout import Layout

Derivatives: TypeAlias = tuple[Term, ...]


def first(order: int, *derivatives: Callable[[], Term]) -> Derivatives:
    """Evaluate the derivatives that are wanted, and no others."""
    return tuple(derivative() for derivative in derivatives[: order + 1])


def exp(h: Tensor, order: int) -> Derivatives:
    """Exponential function: its own derivative."""
    return (torch.exp(h),) * (order + 1)


def expm1(h: Tensor, order: int) -> Derivatives:
    """:math:`e^h - 1`, accurate near zero."""
    return (torch.expm1(h), *((torch.exp(h),) * order))


def sin(h: Tensor, order: int) -> Derivatives:
    """Sine."""
    s = torch.sin(h)
    return _around(s, torch.cos(h), order) if order else (s,)


def cos(h: Tensor, order: int) -> Derivatives:
    """Cosine."""
    c = torch.cos(h)
    return _around(c, -torch.sin(h), order) if order else (c,)


def _around(value: Tensor, slope: Tensor, order: int) -> Derivatives:
    turn = [value, slope, *(-term for term in (value, slope)[: order - 1])]
    return tuple(turn[k % 4] for k in range(order + 1))


def sinh(h: Tensor, order: int) -> Derivatives:
    """Hyperbolic sine."""
    return _alternating(torch.sinh, torch.cosh, h, order)


def cosh(h: Tensor, order: int) -> Derivatives:
    """Hyperbolic cosine."""
    return _alternating(torch.cosh, torch.sinh, h, order)


def _alternating(
    even: Callable[[Tensor], Tensor], odd: Callable[[Tensor], Tensor], h: Tensor, order: int
) -> Derivatives:
    both = first(order, lambda: even(h), lambda: odd(h))
    return tuple(both[k % 2] for k in range(order + 1))


def tan(h: Tensor, order: int) -> Derivatives:
    """Tangent; the derivatives are polynomials in it."""
    u = torch.tan(h)
    q = u * u
    s = 1 + q
    return first(
        order,
        lambda: u,
        lambda: s,
        lambda: 2 * u * s,
        lambda: s * (2 + 6 * q),
        lambda: u * s * (16 + 24 * q),
    )


def erf(h: Tensor, order: int) -> Derivatives:
    """Error function."""
    q = h * h
    g = torch.exp(-q) * (2 / math.sqrt(math.pi))
    return first(
        order,
        lambda: torch.erf(h),
        lambda: g,
        lambda: -2 * h * g,
        lambda: g * (4 * q - 2),
        lambda: g * h * (12 - 8 * q),
    )


def log(h: Tensor, order: int) -> Derivatives:
    """Natural logarithm."""
    return (torch.log(h), *_powers(h, -1.0, order - 1))


def log1p(h: Tensor, order: int) -> Derivatives:
    r""":math:`\log(1 + h)`, accurate near zero."""
    return (torch.log1p(h), *_powers(1 + h, -1.0, order - 1))


def power(h: Tensor, order: int, exponent: float | Tensor) -> Derivatives:
    r""":math:`h^p` for p other than 0; for a whole number p > 0 the derivatives end at zero."""
    return tuple(_powers(h, exponent, order))


def _powers(h: Tensor, exponent: float | Tensor, order: int) -> list[Term]:
    derivatives: list[Term] = []
    factor: Term = 1.0
    for _ in range(order + 1):
        if isinstance(exponent, Tensor):
            derivatives.append(factor * torch.pow(h, exponent))
        elif exponent == 0 or factor == 0:
            derivatives.append(factor)
            factor = 0.0
        else:
            derivatives.append(times(factor, _power(h, exponent)))
        factor, exponent = factor * exponent, exponent - 1
    return derivatives


def _power(h: Tensor, exponent: float) -> Tensor:
    # The few that have a faster kernel than pow, which costs as much as an exponential.
    match exponent:
        case 1:
            return h
        case 2:
            return h * h
        case -1:
            return torch.reciprocal(h)
        case 0.5:
            return torch.sqrt(h)
        case -0.5:
            return torch.rsqrt(h)
    return torch.pow(h, exponent)


def sqrt(h: Tensor, order: int) -> Derivatives:
    """Square root."""
    return power(h, order, 0.5)


def rsqrt(h: Tensor, order: int) -> Derivatives:
    """One over the square root."""
    return power(h, order, -0.5)


def reciprocal(h: Tensor, order: int) -> Derivatives:
    """One over the argument."""
    return power(h, order, -1.0)


def square(h: Tensor, order: int) -> Derivatives:
    """The argument squared."""
    return power(h, order, 2.0)


def atan(h: Tensor, order: int) -> Derivatives:
    """Inverse tangent."""
    return _from_slope(torch.atan(h), (1 + h * h, 2 * h, 2.0), -1.0, order)


def atanh(h: Tensor, order: int) -> Derivatives:
    """Inverse hyperbolic tangent."""
    return _from_slope(torch.atanh(h), (1 - h * h, -2 * h, -2.0), -1.0, order)


def asin(h: Tensor, order: int) -> Derivatives:
    """Inverse sine."""
    return _from_slope(torch.asin(h), (1 - h * h, -2 * h, -2.0), -0.5, order)


def acos(h: Tensor, order: int) -> Derivatives:
    """Inverse cosine."""
    _, *slopes = asin(h, order)
    return (torch.acos(h), *(-slope for slope in slopes))


def asinh(h: Tensor, order: int) -> Derivatives:
    """Inverse hyperbolic sine."""
    return _from_slope(torch.asinh(h), (1 + h * h, 2 * h, 2.0), -0.5, order)


def acosh(h: Tensor, order: int) -> Derivatives:
    """Inverse hyperbolic cosine, for arguments above 1."""
    return _from_slope(torch.acosh(h), (h * h - 1, 2 * h, 2.0), -0.5, order)


def _from_slope(value: Tensor, inner: Sequence[Term], exponent: float, order: int) -> Derivatives:
    """Derivatives of a function whose first one is a power of a quadratic polynomial."""
    if order == 0:
        return (value,)
    return (value, *chain((*inner, 0.0, 0.0), partial(power, exponent=exponent), order - 1))


def chain(
    inner: Sequence[Term], outer: Callable[[Tensor, int], Derivatives], order: int
) -> Derivatives:
    """Derivatives of a composition.

    Args:
        inner: The inner function and its derivatives.
        outer: The outer function.
        order: Highest derivative.

    Returns:
        The composition and its derivatives.
    """
    value = inner[0]
    assert isinstance(value, Tensor)
    return compose(_LINES[order], tuple(inner[: order + 1]), outer(value, order))


_LINES = tuple(Layout(("h",), [(0,) * order]) for order in range(5))
