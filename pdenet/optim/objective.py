"""A closure over parameters, seen as a function of one flat vector."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

Closure = Callable[[], Any]
"""Clears the gradients, evaluates the loss, sends gradients back, and returns the loss."""


class Objective:
    """Loss, or its logarithm, and gradient, in float64, as a function of flat parameters.

    Args:
        parameters: What is trained.
        log: Whether the logarithm of the loss is meant.

    Attributes:
        evaluations: Number of closure calls so far.

    Raises:
        ValueError: A parameter is complex.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], log: bool = False) -> None:
        self.parameters = list(parameters)
        self.log = log
        self.evaluations = 0
        if any(p.is_complex() for p in self.parameters):
            raise ValueError(
                "A quasi-Newton optimizer takes real parameters; split complex ones into two."
            )

    def position(self) -> Tensor:
        """The parameters as they are, shape (n,)."""
        return flat(self.parameters)

    @torch.no_grad()
    def place(self, x: Tensor) -> Tensor:
        """Writes flat values into the parameters.

        Args:
            x: Shape (n,).

        Returns:
            The values as the parameters hold them: rounded where they are not float64.
        """
        pieces = x.split([p.numel() for p in self.parameters])
        for parameter, piece in zip(self.parameters, pieces, strict=True):
            parameter.copy_(piece.view_as(parameter))
        exact = all(p.dtype == torch.float64 for p in self.parameters)
        return x if exact else self.position()

    def evaluate(self, closure: Closure) -> tuple[float, Tensor]:
        """Value and gradient at the parameters as they are.

        Args:
            closure: Evaluates the loss and sends gradients back.

        Returns:
            The value, minus infinity for the logarithm of 0, and the gradient, shape (n,).

        Raises:
            ValueError: A loss whose logarithm is wanted is negative.
        """
        with torch.enable_grad():
            loss = closure()
        loss = float(loss.detach()) if isinstance(loss, Tensor) else float(loss)
        self.evaluations += 1
        gradient = flat(p.grad if p.grad is not None else _zero(p) for p in self.parameters)
        if not self.log or not math.isfinite(loss):
            return loss, gradient
        if loss < 0:
            raise ValueError(f"log_loss=True needs a positive loss, not {loss}; switch it off.")
        return (math.log(loss), gradient / loss) if loss > 0 else (-math.inf, gradient)

    def loss(self, value: float) -> float:
        """The loss that belongs to a value."""
        return math.exp(value) if self.log else value

    def largest_slope(self, value: float, gradient: Tensor) -> float:
        """Largest entry of the gradient of the loss itself."""
        return float(gradient.abs().max()) * (self.loss(value) if self.log else 1.0)


def flat(tensors: Iterable[Tensor]) -> Tensor:
    """Tensors in a row as one float64 vector, without a graph."""
    return torch.cat([t.detach().reshape(-1).to(torch.float64) for t in tensors])


def _zero(parameter: nn.Parameter) -> Tensor:
    return torch.zeros_like(parameter)
