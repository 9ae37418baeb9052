"""Rows of J over several processes: each computes those of its points, all get the same result."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor

from pdenet.tangent.part import Part


def gather(mine: Tensor, part: Part) -> Tensor:
    """What all processes have for the points of a condition, in the points' order.

    Args:
        mine: This process's, shape (its points, ...).
        part: The condition.

    Returns:
        Shape (all points, ...), the same on each process.
    """
    if part.shard[1] == 1:
        return mine
    world = part.shard[1]
    longest = -(-part.total // world)
    padded = mine.new_zeros((longest, *mine.shape[1:]))
    padded[: len(mine)] = mine
    found = [torch.empty_like(padded) for _ in range(world)]
    dist.all_gather(found, padded)
    # Shares take every world-th point, so that they interleave.
    return torch.stack(found, dim=1).flatten(0, 1)[: part.total]


def total(mine: Tensor) -> Tensor:
    """Sum over all processes, in place.

    Args:
        mine: Of the same shape on each.

    Returns:
        The sum.
    """
    dist.all_reduce(mine)
    return mine
