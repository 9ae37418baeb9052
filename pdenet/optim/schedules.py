"""Learning rates over the steps of a phase."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

Decay = Literal["constant", "exponential", "cosine"]


def learning_rate_factor(
    decay: Decay, *, rate: float, every: int, warmup: int, steps: int | None
) -> Callable[[int], float]:
    r"""What the learning rate is multiplied by at a step, dimensionless.

    After a linear warm-up over ``warmup`` steps: 1 throughout (constant), ``rate ** (k / every)``
    (exponential), or :math:`\tfrac12(1 + \cos \pi k / n)` over the remaining n steps (cosine), with
    k counted from the end of the warm-up.

    Args:
        decay: Form of the decay.
        rate: Factor by which the rate falls every ``every`` steps (exponential).
        every: Steps of one such fall.
        warmup: Steps of linear growth from 1 / warmup to 1; 0 for none.
        steps: All steps of the phase; needed by the cosine alone.

    Returns:
        Function of the step, counted from 0.

    Raises:
        ValueError: The cosine has no number of steps to run over.

    Example:
        >>> f = learning_rate_factor("exponential", rate=0.5, every=10, warmup=2, steps=None)
        >>> [f(k) for k in (0, 1, 2, 12)]
        [0.5, 1.0, 1.0, 0.5]
    """
    if decay == "cosine" and (steps is None or steps <= warmup):
        raise ValueError(
            f"decay='cosine' runs over the steps after the warm-up, but steps={steps} and "
            f"warmup={warmup}. Give steps, more than warmup."
        )

    def after_warmup(k: int) -> float:
        if decay == "exponential":
            return rate ** (k / every)
        if decay == "cosine":
            assert steps is not None
            return 0.5 * (1 + math.cos(math.pi * min(1.0, k / (steps - warmup))))
        return 1.0

    def factor(step: int) -> float:
        return (step + 1) / warmup if step < warmup else after_warmup(step - warmup)

    return factor
