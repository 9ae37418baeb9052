"""Wider laws of the inner weights: more of the kernel's modes are of a size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from typing import ClassVar

import torch
from torch import Tensor

from pdenet.networks.initializers.base import Initializer
from pdenet.networks.initializers.layers import Layers, redraw
from pdenet.networks.initializers.standard import Scheme, find_scheme, refuse_siren
from pdenet.networks.layers import uniform


@dataclass(frozen=True)
class VarianceScaling(Initializer):
    r"""Weights and biases of the first layer uniform on :math:`[-R, R]`, in (local) coordinates.

    A larger R gives a larger effective rank and faster training, until features are rougher than
    the solution: for tanh and least squares R of 1 to 2 is best, errors grow by orders beyond 4.

    Args:
        R: Range of the first layer; or ranges of the first layers, in turn.
        hidden: Law of the other layers.
        outer: Range of the outer weights, times 1 / sqrt(neurons); by default they are drawn as
            the other layers.
        output_scale: As for every initializer.

    Raises:
        ValueError: A range is not positive and finite, or there is no such law.

    Reference:
        Chen, Zhou, Yang, Xiang, Luo, Quantifying training difficulty and accelerating convergence
        in neural network-based PDE solvers, arXiv 2410.06308.

    Example:
        >>> from pdenet.networks import MLP
        >>> network = MLP(1, 1, width=200, depth=1)
        >>> VarianceScaling(R=4.0).draw(network, torch.Generator().manual_seed(0))
        >>> 3.9 < network.hidden[0].weight.abs().max().item() <= 4.0
        True
    """

    name: ClassVar[str] = "variance-scaling"

    R: float | Sequence[float] = 4.0
    hidden: Scheme = "glorot"
    outer: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "R", check_ranges(self.R))
        find_scheme(self.hidden)
        if self.outer is not None:
            check_ranges(self.outer, "outer")

    def draw_network(self, layers: Layers, generator: torch.Generator | None) -> None:
        """Draws the layers of one network."""
        draw_scaled(layers, self.R, self.hidden, self.outer, generator)


def draw_scaled(
    layers: Layers,
    ranges: float | Sequence[float],
    hidden: str,
    outer: float | None,
    generator: torch.Generator | None,
) -> None:
    """Draws a network's layers on ranges of their own.

    Args:
        layers: The layers.
        ranges: Range of the first layer, or of the first layers in turn.
        hidden: Law of the other layers.
        outer: Range of the last layer's weights, times 1 / sqrt(neurons); None as ``hidden``.
        generator: CPU generator.

    Raises:
        ValueError: Coordinates pass through fixed waves, or there are more ranges than layers.
    """
    refuse_siren(layers, "a range R")
    if layers.waves:
        raise ValueError(
            f"{type(layers.network).__name__} reads its inputs through fixed waves, which a range "
            f"R cannot change; set --network.{layers.waves} instead, and leave R out."
        )
    several = [ranges] if isinstance(ranges, int | float) else list(ranges)
    if len(several) > 1 + len(layers.hidden):
        raise ValueError(
            f"R={ranges} gives {len(several)} ranges for {1 + len(layers.hidden)} hidden layers; "
            "leave some out."
        )
    standard = find_scheme(hidden)
    for layer in layers.first:
        redraw(layer, partial(_uniform, several[0]), generator)
    for layer, own in zip_longest(layers.hidden, several[1:]):
        redraw(layer, standard if own is None else partial(_uniform, own), generator)
    for layer in layers.last:
        redraw(layer, standard if outer is None else partial(_outer, outer), generator)


def check_ranges(ranges: float | Sequence[float], name: str = "R") -> float | tuple[float, ...]:
    """Refuses ranges that are not positive and finite.

    Args:
        ranges: One number or several.
        name: What they are called.

    Returns:
        The number, or a tuple.

    Raises:
        ValueError: They are none.
    """
    several = [ranges] if isinstance(ranges, int | float) else list(ranges)
    if not several or not all(
        isinstance(r, int | float) and not isinstance(r, bool) and math.isfinite(r) and r > 0
        for r in several
    ):
        raise ValueError(
            f"{name}={ranges} must be positive and finite; 1 is the usual range, 2 to 8 raise the "
            "effective rank."
        )
    return float(ranges) if isinstance(ranges, int | float) else tuple(map(float, several))


def _uniform(r: float, n: int, m: int, g: torch.Generator | None) -> tuple[Tensor, Tensor]:
    return uniform((m, n), r, g), uniform((m,), r, g)


def _outer(r: float, n: int, m: int, g: torch.Generator | None) -> tuple[Tensor, Tensor]:
    return uniform((m, n), r / math.sqrt(n), g), torch.zeros(m, device="cpu")
