"""One forward sweep of a network: values and partial derivatives."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pdenet.jets.fallback import differentiate_module
from pdenet.jets.jet import Jet
from pdenet.jets.layout import Layout


def seed(x: Tensor, layout: Layout) -> Jet:
    """Points as a jet: the coordinates and their derivatives, which are ones and zeros.

    Args:
        x: Points, shape (n, d).
        layout: Derivatives to carry.

    Returns:
        A jet of degree 1, shape (n, d).

    Raises:
        ValueError: The columns of ``x`` are not the layout's coordinates.
    """
    if x.dim() != 2 or x.shape[1] != len(layout.coordinates):
        raise ValueError(
            f"Points of shape {tuple(x.shape)} came for the coordinates {layout.coordinates}; "
            f"expected (n, {len(layout.coordinates)}), one column a coordinate."
        )
    unit = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    # First derivatives follow the value, in the order of the axes; what comes later vanishes.
    rows = [unit[index[0]][None] for index in layout.channels[1:] if index in _firsts(layout)]
    return Jet(layout, [x, *rows])


def _firsts(layout: Layout) -> list[tuple[int, ...]]:
    return [(i,) for i in range(len(layout.coordinates))]


def propagate(module: Callable[[Any], Any], x: Tensor, layout: Layout) -> Jet:
    """Values and partial derivatives of a network at points, in one sweep.

    Args:
        module: A network or function from (n, d) to (n, m), written in torch functions that act on
            each point for itself. A module that refuses jets is differentiated by ``torch.func``,
            slowly, with a warning.
        x: Points, shape (n, d).
        layout: Derivatives wanted.

    Returns:
        A jet with all channels of the layout, shape (c, n, m).

    Example:
        >>> x = torch.tensor([[2.0]])
        >>> propagate(lambda x: x**3, x, Layout(("x",), [(0, 0)])).channels.flatten().tolist()
        [8.0, 12.0, 12.0]
    """
    if len(layout) == 1:
        return Jet(layout, [module(x)])
    start = seed(x, layout)
    try:
        result = module(start)
    except (TypeError, AttributeError, NotImplementedError) as refusal:
        return Jet(layout, differentiate_module(module, x, layout, refusal))
    return result if isinstance(result, Jet) else Jet(layout, [result])
