"""Smooth activations by name."""

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor

ActivationName = Literal["tanh", "sin", "cos", "gelu", "silu", "softplus", "sigmoid"]

# Piecewise linear activations are absent on purpose: their second derivative is zero almost
# everywhere, so a residual with a Laplacian cannot train them.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "sin": torch.sin,
    "cos": torch.cos,
    "gelu": torch.nn.functional.gelu,
    "silu": torch.nn.functional.silu,
    "softplus": torch.nn.functional.softplus,
    "sigmoid": torch.sigmoid,
}
assert tuple(ACTIVATIONS) == get_args(ActivationName)


def find_activation(name: str) -> Callable[[Tensor], Tensor]:
    """The activation of this name.

    Args:
        name: One of ``ACTIVATIONS``.

    Returns:
        A smooth function that acts on every entry.

    Raises:
        ValueError: There is no such activation.

    Example:
        >>> find_activation("tanh")(torch.zeros(1)).item()
        0.0
    """
    if name not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        why = " (its second derivative is zero)" if "relu" in str(name).lower() else ""
        raise ValueError(f"There is no activation {name!r}{why}. Choose one of: {known}.")
    return ACTIVATIONS[name]
