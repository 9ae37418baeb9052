"""Several maps as one: every point goes to its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def routed(x: Any, numbers: Tensor, pick: Callable[[int], Callable[[Any], Any]]) -> Any:
    """Values of each point's own map.

    Args:
        x: Points, a tensor or jet of shape (n, inputs).
        numbers: Which map each point belongs to, shape (n,).
        pick: Gives the map of a number: (k, inputs) to (k, outputs).

    Returns:
        Shape (n, outputs).

    Example:
        >>> x = torch.tensor([[1.0], [2.0], [3.0]])
        >>> scaled = lambda k: lambda part: (k + 1) * part
        >>> routed(x, torch.tensor([0, 1, 0]), scaled).flatten().tolist()
        [1.0, 4.0, 3.0]
    """
    result = None
    for number in numbers.unique().tolist():
        mine = numbers == number
        rows = torch.nonzero(mine)[:, 0]
        # Back to their places: all other rows get some value, times zero.
        places = (torch.cumsum(mine, 0) - 1).clamp(min=0)
        part = pick(number)(x[rows])[places] * mine.to(x.dtype).unsqueeze(-1)
        result = part if result is None else result + part
    return result
