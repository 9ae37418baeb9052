"""Affine maps that bring inputs and outputs to order one."""

import math
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn


class Affine(nn.Module):
    """Column by column ``x * scale + shift``; the two are constants kept in buffers.

    Args:
        scale: Factor of each column.
        shift: Summand of each column.

    Raises:
        ValueError: Lengths differ, a number is not finite, or a factor is zero.

    Example:
        >>> to_unit = Affine.from_bounds([0.0, -1.0], [4.0, 1.0])
        >>> to_unit(torch.tensor([[0.0, 1.0]])).tolist()
        [[-1.0, 1.0]]
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: Sequence[float], shift: Sequence[float]):
        super().__init__()
        if len(scale) != len(shift):
            raise ValueError(f"{len(scale)} scales and {len(shift)} shifts; give one per column.")
        if not all(map(math.isfinite, [*scale, *shift])) or 0.0 in scale:
            raise ValueError(
                f"Scales {list(scale)} must be finite and not zero, shifts {list(shift)} finite."
            )
        self.register_buffer("scale", torch.tensor(list(scale), dtype=torch.get_default_dtype()))
        self.register_buffer("shift", torch.tensor(list(shift), dtype=torch.get_default_dtype()))

    @classmethod
    def from_bounds(
        cls, low: Sequence[float], high: Sequence[float], names: Sequence[str] | None = None
    ) -> Self:
        """The map of the box ``[low, high]`` onto [-1, 1] in every column.

        Args:
            low: Lower bound of each column.
            high: Upper bound of each column.
            names: Names of the columns, for messages.

        Returns:
            The affine map.

        Raises:
            ValueError: A bound is not finite, or a lower bound is not below its upper bound.
        """
        pairs = list(zip(low, high, strict=True))
        for i, (a, b) in enumerate(pairs):
            if not (math.isfinite(a) and math.isfinite(b) and a < b):
                name = names[i] if names else f"column {i}"
                raise ValueError(
                    f"The bounds of {name} are ({a}, {b}); scaling to [-1, 1] needs finite "
                    "bounds, the lower one first."
                )
        scale = [2 / (b - a) for a, b in pairs]
        return cls(scale, [-(a + b) / (b - a) for a, b in pairs])

    def forward(self, x: Tensor) -> Tensor:
        """Returns (..., columns) from (..., columns)."""
        return x * self.scale + self.shift

    def extra_repr(self) -> str:
        """Returns the numbers, for ``print(network)``."""
        return f"scale={self.scale.tolist()}, shift={self.shift.tolist()}"
