"""Weights by the relative progress of the losses, with a random look back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from pdenet.balancing.base import Balance, GradientNorms
from pdenet.geometry import Points


class ReLoBRaLo(Balance):
    r"""Relative loss balancing with random lookback: what fell least weighs most.

    With m conditions, temperature T and a random :math:`\rho \in \{0, 1\}`,

    .. math:: \hat\lambda_c(t, t') = m \operatorname{softmax}_c \frac{L_c(t)}{T L_c(t')}, \qquad
        \lambda(t) = \alpha \bigl[\rho \lambda(t-1) + (1 - \rho) \hat\lambda(t, 0)\bigr]
        + (1 - \alpha) \hat\lambda(t, t-1).

    Args:
        weights: The user's own factors by condition.
        every: Steps between updates.
        alpha: Share of the past.
        temperature: High ones make the weights equal.
        lookback: Probability that rho is 1, that is, that the past is the last step, not the start.

    Raises:
        ValueError: A number is out of range.

    Reference:
        Bischof and Kraus, Multi-objective loss balancing for physics-informed deep learning,
        arXiv 2110.09813.
    """

    needs = frozenset({"residuals"})

    def __init__(
        self,
        *,
        weights: Mapping[str, float] | None = None,
        every: int = 1,
        alpha: float = 0.999,
        temperature: float = 0.1,
        lookback: float = 0.999,
    ) -> None:
        super().__init__(weights=weights, every=every)
        if not (0 <= alpha <= 1 and 0 <= lookback <= 1 and 0 < temperature < float("inf")):
            raise ValueError(
                f"alpha={alpha} and lookback={lookback} must lie in [0, 1], and "
                f"temperature={temperature} must be positive."
            )
        self.alpha, self.temperature, self.lookback = alpha, temperature, lookback

    def update(
        self,
        step: int,
        residuals: Mapping[str, Tensor],
        points: Mapping[str, Points],
        gradient_norms: GradientNorms,
    ) -> Mapping[str, Tensor | float]:
        """Weights of this step.

        Args:
            step: Step of the training.
            residuals: Rows of each condition.
            points: Points of each condition.
            gradient_norms: Gives the gradients' norms; of no use here.

        Returns:
            A number for each condition; their sum is the number of conditions.
        """
        if not self.memory:
            now = self.losses(residuals)
            self.memory = {"first": now, "last": now, "lambda": torch.ones_like(now)}
        elif self.due(step):
            now = self.losses(residuals)
            past = self.memory["lambda"]
            if not self.looks_back(step):
                past = self._relative(now, self.memory["first"])
            recent = self._relative(now, self.memory["last"])
            self.memory["lambda"] = self.alpha * past + (1 - self.alpha) * recent
            self.memory["last"] = now
        return dict(zip(residuals, self.memory["lambda"].unbind(), strict=True))

    def looks_back(self, step: int) -> bool:
        """The random rho of a step, a pure function of seed and step."""
        return bool(np.random.default_rng((self.seed, step)).random() < self.lookback)

    def _relative(self, now: Tensor, then: Tensor) -> Tensor:
        tiny = torch.finfo(now.dtype).tiny
        return len(now) * torch.softmax(now / (self.temperature * then.clamp_min(tiny)), dim=0)
