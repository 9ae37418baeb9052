"""Weights that give the gradients of all conditions the same size."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pdenet.balancing.base import Balance, GradientNorms
from pdenet.geometry import Points

FLOOR = 1e-5  # of the mean norm: a condition that is met already must not get an infinite weight


class GradientNorm(Balance):
    r"""Weights inversely proportional to the norms of the conditions' gradients.

    .. math:: \hat\lambda_c = \frac{\operatorname{mean}_j \|\nabla L_j\|}{\|\nabla L_c\|}, \qquad
        \lambda \leftarrow \alpha \lambda + (1 - \alpha) \hat\lambda

    Args:
        weights: The user's own factors by condition.
        every: Steps between updates; each costs a reverse pass for every condition.
        average: Share alpha of the old weights that is kept.

    Raises:
        ValueError: A number is out of range.

    Reference:
        Wang, Teng and Perdikaris, SIAM J. Sci. Comput. 43(5), 2021; in this form Wang, Sankaran,
        Wang and Perdikaris, arXiv 2308.08468.
    """

    needs = frozenset({"gradients"})

    def __init__(
        self,
        *,
        weights: Mapping[str, float] | None = None,
        every: int = 100,
        average: float = 0.9,
    ) -> None:
        super().__init__(weights=weights, every=every)
        if not 0 <= average < 1:
            raise ValueError(f"average={average} must lie in [0, 1).")
        self.average = average

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
            gradient_norms: Gives the gradients' norms; called every ``every`` steps.

        Returns:
            A number for each condition.
        """
        if self.due(step):
            known = gradient_norms()
            norms = torch.stack([known[name] for name in residuals])
            target = norms.mean() / norms.clamp_min(FLOOR * norms.mean())
            target = torch.where(norms.mean() > 0, target, torch.ones_like(target))
            old = self.memory.get("lambda", torch.ones_like(target))
            self.memory["lambda"] = self.average * old + (1 - self.average) * target
        known = self.memory.get("lambda")
        return {} if known is None else dict(zip(residuals, known.unbind(), strict=True))
