"""Activations whose derivative is a quadratic polynomial of themselves.

Their gradient needs nothing but the result, and their derivatives follow from it without another
transcendental function.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Tower = tuple[list[Tensor], list[float]]
"""First and higher derivatives, each a tensor times a factor that is not multiplied out."""


@dataclass(frozen=True)
class Slope:
    """A function u with the derivative ``constant + factor * (u + shift)**2``.

    Args:
        value: The function, with an ``out`` argument.
        backward: Torch's own gradient of it: takes the gradient of u, u and ``grad_input``.
        constant: As above.
        factor: As above.
        shift: As above.
        tower: First and higher derivatives from u, up to an order.
    """

    value: Callable[..., Tensor]
    backward: Callable[..., Any]
    constant: float
    factor: float
    shift: float
    tower: Callable[[Tensor, int], Tower]


def _tanh_tower(u: Tensor, order: int) -> Tower:
    s = torch.addcmul(torch.ones((), dtype=u.dtype, device=u.device), u, u, value=-1)
    terms = [s]
    if order > 1:
        terms.append(u * s)
    if order > 2:
        terms.append(s * (2 - 3 * s))
    if order > 3:
        terms.append(terms[1] * (3 * s - 1))
    return terms, [1.0, -2.0, 2.0, 8.0][:order]


def _sigmoid_tower(u: Tensor, order: int) -> Tower:
    s = torch.addcmul(u, u, u, value=-1)
    terms = [s]
    if order > 1:
        c = 1 - 2 * u
        terms.append(s * c)
    if order > 2:
        terms.append(s * (1 - 6 * s))
    if order > 3:
        terms.append(terms[1] * (1 - 12 * s))
    return terms, [1.0] * order


SLOPES: dict[str, Slope] = {
    "sigmoid": Slope(
        torch.sigmoid, torch.ops.aten.sigmoid_backward.grad_input, 0.25, -1.0, -0.5, _sigmoid_tower
    ),
    "tanh": Slope(torch.tanh, torch.ops.aten.tanh_backward.grad_input, 1.0, -1.0, 0.0, _tanh_tower),
}
"""By the name of the torch operation."""
