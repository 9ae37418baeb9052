"""Functions of one variable: one literal table, by the name of the torch operation."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from torch import Tensor

from pdenet.jets import activations, elementary
from pdenet.jets.elementary import Derivatives

UNIVARIATE: dict[str, Callable[..., Derivatives]] = {
    "abs": activations.absolute,
    "acos": elementary.acos,
    "acosh": elementary.acosh,
    "asin": elementary.asin,
    "asinh": elementary.asinh,
    "atan": elementary.atan,
    "atanh": elementary.atanh,
    "ceil": activations.ceil,
    "cos": elementary.cos,
    "cosh": elementary.cosh,
    "elu": activations.elu,
    "erf": elementary.erf,
    "exp": elementary.exp,
    "expm1": elementary.expm1,
    "floor": activations.floor,
    "gelu": activations.gelu,
    "leaky_relu": activations.leaky_relu,
    "log": elementary.log,
    "log1p": elementary.log1p,
    "reciprocal": elementary.reciprocal,
    "relu": activations.relu,
    "round": activations.nearest,
    "rsqrt": elementary.rsqrt,
    "sigmoid": activations.sigmoid,
    "sign": activations.sign,
    "silu": activations.silu,
    "sin": elementary.sin,
    "sinh": elementary.sinh,
    "softplus": activations.softplus,
    "sqrt": elementary.sqrt,
    "square": elementary.square,
    "tan": elementary.tan,
    "tanh": activations.tanh,
}
"""Each takes the argument and an order and returns the function and its derivatives up to it."""


def with_options(
    name: str, args: Sequence[object], options: Mapping[str, object]
) -> Callable[[Tensor, int], Derivatives]:
    """A function of one variable with its parameters bound.

    Args:
        name: Its name in :data:`UNIVARIATE`.
        args: Parameters by position, in torch's order: ``beta, threshold`` for softplus.
        options: Parameters by name.

    Returns:
        The function of argument and order.
    """
    function = UNIVARIATE[name]
    if not args and not options:
        return function
    return partial(function, **dict(zip(PARAMETERS[name], args, strict=False)), **options)


PARAMETERS: dict[str, tuple[str, ...]] = {
    name: tuple(inspect.signature(function).parameters)[2:] for name, function in UNIVARIATE.items()
}
"""Names of the parameters that follow argument and order."""
