"""What gives rows, and parameters as one vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from pdenet.geometry import Points
from pdenet.tangent import RowSource

Sources = Sequence[tuple[RowSource, Mapping[str, Points]]]
"""What gives rows, each with its points: a problem's residuals, and what joins patches."""


def flattened(parameters: Sequence[nn.Parameter]) -> Tensor:
    """Parameters as one vector on the CPU."""
    return torch.cat([p.detach().flatten() for p in parameters]).cpu()


@torch.no_grad()
def set_flat(parameters: Sequence[nn.Parameter], flat: Tensor) -> None:
    """Takes parameters from one vector."""
    pieces = flat.split([p.numel() for p in parameters])
    for p, piece in zip(parameters, pieces, strict=True):
        p.copy_(piece.view_as(p))
