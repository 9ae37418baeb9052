"""Gradients of losses in the parameters, the same on every rank."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from pdenet.solvers.distributed import mean_over_ranks


def fill_gradients(loss: Tensor, parameters: Sequence[nn.Parameter]) -> Tensor:
    """Writes a loss's gradient to its parameters, for optimizers.

    Args:
        loss: Scalar with a graph.
        parameters: Those that are trained; where the loss does not depend on one, it gets zeros.

    Returns:
        The loss over all ranks, without a graph.
    """
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    for p, g in zip(parameters, gradients, strict=True):
        p.grad = torch.zeros_like(p) if g is None else g
    return mean_over_ranks(loss.detach(), [p.grad for p in parameters if p.grad is not None])


def gradient_norms(
    rows: Mapping[str, Tensor],
    term: Callable[[str, Tensor], Tensor],
    parameters: Sequence[nn.Parameter],
) -> dict[str, Tensor]:
    """Norm of each term's gradient, at the price of one reverse pass a term.

    Args:
        rows: Rows by condition, with a graph, which stays.
        term: A condition's term in the loss, from its name and rows.
        parameters: Those that are trained.

    Returns:
        Scalars by condition.
    """
    norms = {}
    for name, r in rows.items():
        with torch.enable_grad():  # balances weigh without a graph
            value = term(name, r)
        gradients = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
        found = [g for g in gradients if g is not None]
        mean_over_ranks(torch.zeros_like(value), found)
        norms[name] = torch.sqrt(torch.stack([g.square().sum() for g in found]).sum())
    return norms
