"""Natural gradients: a direction from the Jacobian, and a step size along it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn

from pdenet.optim.directions import Direction
from pdenet.optim.jacobian import JacobianOptimizer
from pdenet.optim.linearization import Linearization
from pdenet.optim.steps import StepSize
from pdenet.optim.stopping import PER_STEP, Stopping


class NaturalGradient(JacobianOptimizer):
    """Steps along a direction, as far as a step size says, in float64.

    Args:
        parameters: What is trained; one group.
        direction: Where to.
        step_size: How far.
        stopping: When to stop.

    Example:
        >>> import torch
        >>> from pdenet.optim import ResidualFunction
        >>> from pdenet.optim.directions import PseudoInverse
        >>> from pdenet.optim.steps import Grid
        >>> x = nn.Parameter(torch.zeros(2, dtype=torch.float64))
        >>> line = ResidualFunction([x], lambda: torch.stack((x[0] - 1, 3 * x[1])))
        >>> loss = NaturalGradient([x], PseudoInverse(1e-12), Grid()).step(linearize=line)
        >>> x.tolist()
        [1.0, 0.0]
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        direction: Direction,
        step_size: StepSize,
        stopping: Stopping | None = None,
    ) -> None:
        super().__init__(parameters, stopping or PER_STEP)
        self.direction, self.step_size = direction, step_size

    def _advance(self, linear: Linearization, x: Tensor) -> float:
        d = self.direction.of(linear)
        slope = float(linear.gradient @ d)
        seen = {0.0: linear.loss}

        def loss(step: float) -> float:
            seen[step] = self._trial(linear, x + step * d)
            return seen[step]

        length = self.step_size.length(loss, linear.loss, slope, d)
        if not (length > 0 and math.isfinite(slope)):
            self.objective.place(x)
            self.stop_reason = "no progress: no step along the direction lowers the loss"
            return linear.loss
        self.objective.place(x + length * d)
        return seen.get(length, linear.loss)

    def _memory(self) -> dict[str, Any]:
        return self.direction.memory()

    def _remember(self, memory: dict[str, Any]) -> None:
        self.direction.remember(memory, self.objective.position())
