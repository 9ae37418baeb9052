"""Several networks side by side."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class Separate(nn.Module):
    """Networks that share their inputs and nothing else; their outputs stand side by side.

    Args:
        networks: The networks, in the order of their outputs.

    Raises:
        ValueError: There is no network.
    """

    def __init__(self, networks: Iterable[nn.Module]):
        super().__init__()
        self.networks = nn.ModuleList(networks)
        if not len(self.networks):
            raise ValueError("Separate needs at least one network.")

    def forward(self, x: Tensor) -> Tensor:
        """Returns (..., sum of the outputs) from (..., inputs)."""
        return torch.cat([network(x) for network in self.networks], dim=-1)
