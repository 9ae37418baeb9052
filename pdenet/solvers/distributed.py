"""Several processes that train as one: every rank takes the same step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.distributed as dist
from torch import Tensor


def distributed() -> bool:
    """Whether several processes train together."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def rank_and_world() -> tuple[int, int]:
    """This process's number, and how many there are."""
    return (dist.get_rank(), dist.get_world_size()) if distributed() else (0, 1)


def reduce(tensor: Tensor, operation: Literal["sum", "max"]) -> Tensor:
    """Combines a tensor over all processes.

    Args:
        tensor: Of the same shape on each.
        operation: How.

    Returns:
        The result, the same on each; the tensor itself where there is one process.
    """
    if not distributed():
        return tensor
    result = tensor.clone()
    dist.all_reduce(result, dist.ReduceOp.SUM if operation == "sum" else dist.ReduceOp.MAX)
    return result


def mean_over_ranks(loss: Tensor, gradients: Sequence[Tensor]) -> Tensor:
    """Averages a loss and its gradients over all processes, in one message.

    Lightning synchronizes in ``manual_backward`` only, and line searches need the loss too.

    Args:
        loss: Scalar.
        gradients: Averaged in place.

    Returns:
        The mean loss.
    """
    if not distributed():
        return loss
    flat = torch.cat([loss.reshape(1), *(g.reshape(-1) for g in gradients)])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    parts = flat[1:].split([g.numel() for g in gradients])
    for g, part in zip(gradients, parts, strict=True):
        g.copy_(part.view_as(g))
    return flat[0]
