"""Functions of one variable and their derivatives, elementwise.

Each entry of :data:`UNIVARIATE` takes the argument and an order and returns the function and its
derivatives up to that order, as a tuple. A derivative that vanishes identically is the number 0.0,
so that no rule multiplies by it.
"""

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

Term: TypeAlias = Tensor | float
Derivatives: TypeAlias = tuple[Term, ...]


def _cycle(values: Sequence[Tensor], order: int) -> Derivatives:
    return tuple(values[k % len(values)] for k in range(order + 1))


def exp(h: Tensor, order: int) -> Derivatives:
    """Exponential function: its own derivative."""
    return _cycle([torch.exp(h)], order)


def expm1(h: Tensor, order: int) -> Derivatives:
    """:math:`e^h - 1`, accurate near zero."""
    return (torch.expm1(h), *exp(h, order)[1:])


def sin(h: Tensor, order: int) -> Derivatives:
    """Sine."""
    if order == 0:
        return (torch.sin(h),)
    s, c = torch.sin(h), torch.cos(h)
    return _cycle([s, c, -s, -c], order)


def cos(h: Tensor, order: int) -> Derivatives:
    """Cosine."""
    if order == 0:
        return (torch.cos(h),)
    s, c = torch.sin(h), torch.cos(h)
    return _cycle([c, -s, -c, s], order)


def sinh(h: Tensor, order: int) -> Derivatives:
    """Hyperbolic sine."""
    return _cycle([torch.sinh(h), torch.cosh(h)], order)


def cosh(h: Tensor, order: int) -> Derivatives:
    """Hyperbolic cosine."""
    return _cycle([torch.cosh(h), torch.sinh(h)], order)


def tan(h: Tensor, order: int) -> Derivatives:
    """Tangent; the derivatives are polynomials in it."""
    u = torch.tan(h)
    q = u * u
    s = 1 + q
    return _first(order, u, s, 2 * u * s, s * (2 + 6 * q), u * s * (16 + 24 * q))


def tanh(h: Tensor, order: int) -> Derivatives:
    """Hyperbolic tangent; the derivatives are polynomials in it."""
    u = torch.tanh(h)
    q = u * u
    s = 1 - q
    return _first(order, u, s, -2 * u * s, s * (6 * q - 2), u * s * (16 - 24 * q))


def sigmoid(h: Tensor, order: int) -> Derivatives:
    """Logistic function; the derivatives are polynomials in it."""
    u = torch.sigmoid(h)
    s = u * torch.sigmoid(-h)
    c = 1 - 2 * u
    return _first(
        order, u, s, s * c, s * (1 - 6 * s), s * c * (1 - 12 * s), s * (1 + s * (120 * s - 30))
    )


def softplus(h: Tensor, order: int, beta: float = 1.0, threshold: float = 20.0) -> Derivatives:
    r""":math:`\log(1 + e^{\beta h}) / \beta`.

    ``threshold``, which torch has against overflow, is not needed: this form never overflows.
    """
    inner = sigmoid(beta * h, max(order - 1, 0))
    slopes = (beta**k * slope for k, slope in enumerate(inner))
    return (-F.logsigmoid(-beta * h) / beta, *slopes)[: order + 1]


def silu(h: Tensor, order: int) -> Derivatives:
    """:math:`h` times the logistic function of :math:`h`."""
    s = sigmoid(h, order)
    return (h * s[0], *(h * s[k] + k * s[k - 1] for k in range(1, order + 1)))


def gelu(h: Tensor, order: int) -> Derivatives:
    r""":math:`h\,\Phi(h)` with the normal distribution function."""
    big = torch.special.ndtr(h)
    q = h * h
    small = torch.exp(-0.5 * q) / math.sqrt(2 * math.pi)
    return _first(
        order,
        h * big,
        big + h * small,
        small * (2 - q),
        small * h * (q - 4),
        small * ((7 - q) * q - 4),
        small * h * ((q - 11) * q + 18),
    )


def erf(h: Tensor, order: int) -> Derivatives:
    """Error function."""
    q = h * h
    g = torch.exp(-q) * (2 / math.sqrt(math.pi))
    return _first(order, torch.erf(h), g, -2 * h * g, g * (4 * q - 2), g * h * (12 - 8 * q))


def log(h: Tensor, order: int) -> Derivatives:
    """Natural logarithm."""
    return (torch.log(h), *_powers(h, -1.0, 1.0, order - 1))


def log1p(h: Tensor, order: int) -> Derivatives:
    r""":math:`\log(1 + h)`, accurate near zero."""
    return (torch.log1p(h), *_powers(1 + h, -1.0, 1.0, order - 1))


def atan(h: Tensor, order: int) -> Derivatives:
    """Inverse tangent."""
    q = h * h
    r = 1 / (1 + q)
    return _first(
        order, torch.atan(h), r, -2 * h * r**2, (6 * q - 2) * r**3, 24 * h * (1 - q) * r**4
    )


def power(h: Tensor, order: int, exponent: float) -> Derivatives:
    """:math:`h^p` for a number p other than 0; for a whole p > 0 the derivatives end at zero."""
    return tuple(_powers(h, exponent, 1.0, order))


def _powers(h: Tensor, exponent: float, factor: float, order: int) -> list[Term]:
    derivatives: list[Term] = []
    for _ in range(order + 1):
        if factor == 0 or exponent == 0:
            derivatives.append(factor)
            factor = 0.0
            continue
        power_of_h = _power(h, exponent)
        derivatives.append(power_of_h if factor == 1 else factor * power_of_h)
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


def absolute(h: Tensor, order: int) -> Derivatives:
    """Absolute value; derivatives hold away from zero, where they are taken as 0."""
    return _first(order, torch.abs(h), torch.sign(h), 0.0, 0.0, 0.0)


def relu(h: Tensor, order: int) -> Derivatives:
    """Positive part; derivatives hold away from zero, where they are taken as 0."""
    return _first(order, torch.relu(h), (h > 0).to(h.dtype), 0.0, 0.0, 0.0)


def leaky_relu(h: Tensor, order: int, negative_slope: float = 0.01) -> Derivatives:
    """Positive part plus a fraction of the negative one; derivatives hold away from zero."""
    slope = torch.where(h > 0, 1.0, negative_slope).to(h.dtype)
    return _first(order, slope * h, slope, 0.0, 0.0, 0.0)


def elu(h: Tensor, order: int, alpha: float = 1.0) -> Derivatives:
    r""":math:`h` where positive, :math:`\alpha(e^h - 1)` elsewhere; derivatives away from zero."""
    positive = h > 0
    tail = alpha * torch.exp(torch.clamp(h, max=0))
    curved = torch.where(positive, 0.0, tail)
    slope = torch.where(positive, 1.0, tail)
    return _first(order, F.elu(h, alpha), slope, curved, curved, curved)


def _first(order: int, *derivatives: Term) -> Derivatives:
    return derivatives[: order + 1]


UNIVARIATE: dict[str, Callable[..., Derivatives]] = {
    "abs": absolute,
    "atan": atan,
    "cos": cos,
    "cosh": cosh,
    "elu": elu,
    "erf": erf,
    "exp": exp,
    "expm1": expm1,
    "gelu": gelu,
    "leaky_relu": leaky_relu,
    "log": log,
    "log1p": log1p,
    "reciprocal": reciprocal,
    "relu": relu,
    "rsqrt": rsqrt,
    "sigmoid": sigmoid,
    "silu": silu,
    "sin": sin,
    "sinh": sinh,
    "softplus": softplus,
    "sqrt": sqrt,
    "square": square,
    "tan": tan,
    "tanh": tanh,
}
"""Rules for functions of one variable, by the name of the torch operation."""
