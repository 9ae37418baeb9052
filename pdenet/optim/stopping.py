"""When an optimizer says that it is done."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Stopping:
    """When an optimizer says that it is done.

    Args:
        gradient: Converged when no entry of the loss's gradient is larger.
        progress: No progress when ``patience`` evaluations lower the loss by a smaller share.
        patience: Those evaluations. Not iterations: at the floor of round-off a search uses up all
            evaluations that it may. Where a step costs a Jacobian, steps are counted.

    Raises:
        ValueError: A number is negative or patience is below 1.
    """

    gradient: float = 1e-14
    progress: float = 1e-6
    patience: int = 100

    def __post_init__(self) -> None:
        if not (0 <= self.gradient < math.inf and 0 <= self.progress < 1 and self.patience >= 1):
            raise ValueError(
                f"Stopping(gradient={self.gradient}, progress={self.progress}, "
                f"patience={self.patience}): expected gradient >= 0, 0 <= progress < 1, "
                "patience >= 1."
            )


# A step that costs a Jacobian moves far; its own prediction says when round-off is reached, so that
# no bound on the gradient, whose size is the problem's, need be guessed.
PER_STEP = Stopping(gradient=0.0, patience=20)
