"""What a Deep Ritz solver puts around a network: obstacles and states."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pdenet.conditions import Value


class Floor(nn.Module):
    """The larger of each output and its lower bound: a projection onto what an obstacle allows.

    In training outputs stay as they are: where they are below the bound, nothing would draw them up
    to it.

    Args:
        network: Maps (n, coordinates) to (n, outputs).
        coordinates: Names of the input columns.
        bounds: For each output a number, a torch function of coordinates, or None.

    Example:
        >>> floor = Floor(nn.Identity(), ["x"], [lambda x: 1 - x]).eval()
        >>> floor(torch.tensor([[0.0], [2.0]])).tolist()
        [[1.0], [2.0]]
    """

    def __init__(
        self, network: nn.Module, coordinates: Sequence[str], bounds: Sequence[Value | None]
    ) -> None:
        super().__init__()
        self.network, self.coordinates = network, tuple(coordinates)
        self.bounds = list(bounds)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, coordinates) to (n, outputs)."""
        free = self.network(x)
        if self.training:
            return free
        known = {name: x[..., i] for i, name in enumerate(self.coordinates)}
        outputs = []
        for i, bound in enumerate(self.bounds):
            u = free[..., i]
            if bound is not None:
                least = _at(bound, known)
                u = least + torch.relu(u - least)
            outputs.append(u)
        return torch.stack(outputs, dim=-1)


def _at(bound: Value, known: Mapping[str, Any]) -> Any:
    if not callable(bound):
        return bound
    names = inspect.signature(bound).parameters
    return bound(**{name: value for name, value in known.items() if name in names})


class States(nn.Module):
    """Combines the outputs of a network to states of a Rayleigh quotient, once it is trained.

    A quotient does not change with the combination, so training goes on without; solutions are
    orthonormal states in ascending order.

    Args:
        network: Maps (n, coordinates) to (n, outputs).
        outputs: Their number.
    """

    mixing: Tensor

    def __init__(self, network: nn.Module, outputs: int) -> None:
        super().__init__()
        self.network = network
        like = next(network.parameters())
        self.register_buffer("mixing", torch.eye(outputs, dtype=like.dtype, device=like.device))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, coordinates) to (n, outputs)."""
        free = self.network(x)
        return free if self.training else free @ self.mixing
