"""Weights that do not change."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from pdenet.balancing.base import Balance, GradientNorms
from pdenet.geometry import Points


class Static(Balance):
    """The user's weights, 1 where none is given.

    Args:
        weights: Weights by condition.

    Raises:
        ValueError: A weight is negative or not finite.

    Example:
        >>> import torch
        >>> balance = Static(weights={"start": 100.0})
        >>> rows = {"equation": torch.ones(3), "start": torch.ones(2)}
        >>> {n: w.item() for n, w in balance.weigh(0, rows, {}, dict).items()}
        {'equation': 1.0, 'start': 100.0}
    """

    def __init__(self, *, weights: Mapping[str, float] | None = None) -> None:
        super().__init__(weights=weights)

    def update(
        self,
        step: int,
        residuals: Mapping[str, Tensor],
        points: Mapping[str, Points],
        gradient_norms: GradientNorms,
    ) -> Mapping[str, Tensor | float]:
        """Nothing beyond the user's factors.

        Args:
            step: Step of the training.
            residuals: Rows of each condition.
            points: Points of each condition.
            gradient_norms: Gives the gradients' norms.

        Returns:
            No weights.
        """
        return {}
