"""Functions of one variable, and softmax and normalization, which are made of them."""

from collections.abc import Callable, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pdenet.jets import algebra, fused
from pdenet.jets.elementary import power
from pdenet.jets.rules.arithmetic import multiply
from pdenet.jets.rules.shapes import constant, each, is_jet, level, refuse_points
from pdenet.jets.univariate import with_options

if TYPE_CHECKING:
    from pdenet.jets.jet import Jet


def univariate(name: str) -> Callable[..., "Jet"]:
    """Rule of a function of one variable, by its name in the table."""

    def rule(x: "Jet", *args: Any, inplace: bool = False, **options: Any) -> "Jet":
        derivatives_of = with_options(name, args, options)
        if fused.has_kernel(name, options):
            return x.like(fused.compose(name, derivatives_of, x.layout, x.stacked, x.parts))
        derivatives = derivatives_of(x.value, x.layout.order)
        return x.like(algebra.compose(x.layout, x.parts, derivatives))

    return rule


def raise_to(a: Any, b: Any) -> "Jet":
    """Power: jet to a number, number to a jet, jet to a jet or tensor."""
    if is_jet(a) and not is_jet(b):
        if isinstance(b, Real) and b == 0:
            return a.like([torch.ones_like(a.value)])
        exponent = float(b) if isinstance(b, Real) else constant(b, a)
        derivatives = power(a.value, a.layout.order, exponent)
        return a.like(level(algebra.compose(a.layout, a.parts, derivatives)))
    logarithm = univariate("log")(a) if is_jet(a) else torch.log(torch.as_tensor(a))
    return univariate("exp")(multiply(b, logarithm))


def divide(a: Any, b: Any, *, rounding_mode: str | None = None) -> "Jet":
    """Quotient of jets, tensors and numbers.

    Args:
        a: Dividend.
        b: Divisor.
        rounding_mode: As of ``torch.div``.

    Returns:
        The quotient.

    Raises:
        ValueError: The quotient is rounded.
    """
    if rounding_mode is not None:
        raise ValueError(
            f"Division of a jet with rounding_mode={rounding_mode!r} has no derivative. "
            "Divide without rounding."
        )
    if is_jet(b):
        return multiply(a, univariate("reciprocal")(b))
    divisor = constant(b, a)
    return each(lambda channel: channel / divisor, a)


def softmax(x: "Jet", dim: int, **_: Any) -> "Jet":
    """Softmax over a trailing axis."""
    refuse_points(dim, x)
    # A constant shift, against overflow; the result does not depend on it.
    weights = univariate("exp")(x - x.value.detach().amax(dim, keepdim=True))
    return weights / weights.sum(dim, keepdim=True)


def layer_norm(
    x: "Jet",
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> "Jet":
    """Normalization over the last axes, point by point."""
    dims = [-1 - k for k in range(len(normalized_shape))]
    centred = x - x.mean(dims, keepdim=True)
    variance = (centred * centred).mean(dims, keepdim=True)
    normal = centred * univariate("rsqrt")(variance + eps)
    normal = normal if weight is None else normal * weight
    return normal if bias is None else normal + bias
