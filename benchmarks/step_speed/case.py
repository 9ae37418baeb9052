"""What every contender computes: one residual, on the same points, with the same network."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

WIDTH, DEPTH = 64, 4
LEARNING_RATE = 1e-3

OPERATORS = ("laplacian", "burgers", "biharmonic")
VISCOSITY = 0.01 / np.pi
CHANNELS = {"laplacian": 4, "burgers": 4, "biharmonic": 9}
"""Derivatives that one forward sweep has to carry in two dimensions, the value included."""

Steps = Callable[[int], list[float]]
"""Takes a number of steps; returns the seconds of each."""


@dataclass(frozen=True)
class Case:
    """One setting.

    Args:
        operator: laplacian (u_xx + u_yy), burgers (u_t + u u_x - nu u_xx), or biharmonic.
        n: Points.
        precision: 32 or 64 bits.
    """

    operator: str
    n: int
    precision: int

    @property
    def dtype(self) -> torch.dtype:
        """The precision as torch's type."""
        return torch.float64 if self.precision == 64 else torch.float32

    def points(self) -> np.ndarray:
        """Points of the unit square, shape (n, 2)."""
        kind = np.float64 if self.precision == 64 else np.float32
        return np.random.default_rng(0).random((self.n, 2)).astype(kind)

    def network(self) -> nn.Sequential:
        """The network: 2 inputs, four layers of 64 tanh neurons, 1 output; Glorot weights."""
        torch.manual_seed(0)
        sizes = [2, *[WIDTH] * DEPTH, 1]
        layers: list[nn.Module] = []
        for a, b in itertools.pairwise(sizes):
            layer = nn.Linear(a, b, dtype=self.dtype)
            nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
            layers += [layer, nn.Tanh()]
        return nn.Sequential(*layers[:-1])


def weights_of(network: nn.Module) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of each linear layer, to give other packages the same start."""
    return [
        (m.weight.detach(), m.bias.detach()) for m in network.modules() if isinstance(m, nn.Linear)
    ]
