"""Activation functions and their derivatives, in the manner of :mod:`pdenet.jets.elementary`.

Those that the eager kernels (:mod:`pdenet.jets.fused`) use go one order further than jets do, for
the gradient of the highest.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from pdenet.jets.elementary import Derivatives, chain, first


def tanh(h: Tensor, order: int) -> Derivatives:
    """Hyperbolic tangent; the derivatives are polynomials in it."""
    u = torch.tanh(h)
    if order == 0:
        return (u,)
    q = u * u
    s = 1 - q
    return first(
        order,
        lambda: u,
        lambda: s,
        lambda: -2 * (u * s),
        lambda: s * (6 * q - 2),
        lambda: u * s * (16 - 24 * q),
    )


def sigmoid(h: Tensor, order: int) -> Derivatives:
    """Logistic function; the derivatives are polynomials in it."""
    u = torch.sigmoid(h)
    if order == 0:
        return (u,)
    s = u * torch.sigmoid(-h)
    if order == 1:
        return (u, s)
    c = 1 - 2 * u
    return first(
        order,
        lambda: u,
        lambda: s,
        lambda: s * c,
        lambda: s * (1 - 6 * s),
        lambda: s * c * (1 - 12 * s),
        lambda: s * (1 + s * (120 * s - 30)),
    )


def softplus(h: Tensor, order: int, beta: float = 1.0, threshold: float = 20.0) -> Derivatives:
    r""":math:`\log(1 + e^{\beta h}) / \beta`.

    Args:
        h: Argument.
        order: Highest derivative.
        beta: Scale.
        threshold: Ignored: torch's guard against overflow, which this form does not need.

    Returns:
        Value and derivatives.
    """
    scaled = h if beta == 1 else beta * h
    value = -F.logsigmoid(-scaled)
    if beta == 1:
        return (value, *(sigmoid(h, order - 1) if order else ()))
    slopes = sigmoid(scaled, order - 1) if order else ()
    return (value / beta, *(beta**k * slope for k, slope in enumerate(slopes)))


def silu(h: Tensor, order: int) -> Derivatives:
    """:math:`h` times the logistic function of :math:`h`."""
    s = sigmoid(h, order)
    return (h * s[0], *(h * s[k] + k * s[k - 1] for k in range(1, order + 1)))


def gelu(h: Tensor, order: int, approximate: str = "none") -> Derivatives:
    r""":math:`h\,\Phi(h)` with the normal distribution function, or its approximation by tanh."""
    if approximate == "tanh":
        return _gelu_by_tanh(h, order)
    big = torch.special.ndtr(h)
    if order == 0:
        return (h * big,)
    q = h * h
    small = torch.exp(-0.5 * q) / math.sqrt(2 * math.pi)
    return first(
        order,
        lambda: h * big,
        lambda: big + h * small,
        lambda: small * (2 - q),
        lambda: small * h * (q - 4),
        lambda: small * ((7 - q) * q - 4),
        lambda: small * h * ((q - 11) * q + 18),
    )


def _gelu_by_tanh(h: Tensor, order: int) -> Derivatives:
    c, a = math.sqrt(2 / math.pi), 0.044715
    q = h * h
    inner = (c * h * (1 + a * q), c * (1 + 3 * a * q), 6 * a * c * h, 6 * a * c, 0.0)
    t = chain(inner, tanh, order)
    slopes = (0.5 * (h * t[k] + k * t[k - 1]) for k in range(2, order + 1))
    half = 0.5 * (1 + t[0])
    return (h * half, half + 0.5 * h * t[1], *slopes) if order else (h * half,)


def relu(h: Tensor, order: int) -> Derivatives:
    """Positive part; derivatives hold away from zero, where they are taken as 0."""
    return _linear(torch.relu(h), (h > 0).to(h.dtype), order)


def leaky_relu(h: Tensor, order: int, negative_slope: float = 0.01) -> Derivatives:
    """Positive part plus a fraction of the negative one; derivatives hold away from zero."""
    one = torch.ones_like(h)
    slope = torch.where(h > 0, one, negative_slope * one)
    return _linear(slope * h, slope, order)


def absolute(h: Tensor, order: int) -> Derivatives:
    """Absolute value; derivatives hold away from zero, where they are taken as 0."""
    return _linear(torch.abs(h), torch.sign(h), order)


def _linear(value: Tensor, slope: Tensor, order: int) -> Derivatives:
    return (value, slope, *[0.0] * order)[: order + 1]


def elu(h: Tensor, order: int, alpha: float = 1.0) -> Derivatives:
    r""":math:`h` where positive, :math:`\alpha(e^h - 1)` elsewhere; derivatives away from zero."""
    positive = h > 0
    tail = alpha * torch.exp(torch.clamp(h, max=0))
    curved = torch.where(positive, torch.zeros_like(h), tail)
    slope = torch.where(positive, torch.ones_like(h), tail)
    return (torch.where(positive, h, tail - alpha), slope, *[curved] * order)[: order + 1]


def sign(h: Tensor, order: int) -> Derivatives:
    """Sign; its derivatives vanish away from zero."""
    return (torch.sign(h), *[0.0] * order)


def floor(h: Tensor, order: int) -> Derivatives:
    """Whole number below; its derivatives vanish between the jumps."""
    return (torch.floor(h), *[0.0] * order)


def ceil(h: Tensor, order: int) -> Derivatives:
    """Whole number above; its derivatives vanish between the jumps."""
    return (torch.ceil(h), *[0.0] * order)


def nearest(h: Tensor, order: int) -> Derivatives:
    """Nearest whole number; its derivatives vanish between the jumps."""
    return (torch.round(h), *[0.0] * order)
