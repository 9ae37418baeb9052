"""Weights of single points, by the history of their residuals."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pdenet.balancing.base import Balance, GradientNorms
from pdenet.geometry import Points


class ResidualAttention(Balance):
    r"""Pointwise multipliers that follow the size of the residual (RBA).

    .. math:: \lambda_i \leftarrow \gamma \lambda_i + \eta \frac{|r_i|}{\max_j |r_j|}, \qquad
        w_i = \lambda_i^2

    Multipliers stay below :math:`\eta / (1 - \gamma)` once the start is forgotten. They belong to
    points: use a sampler that keeps its set for long. A new set starts anew. With several
    equations, :math:`|r_i|` is the norm over them. Integral conditions keep weight 1.

    Args:
        weights: The user's own factors by condition.
        decay: Share gamma of the old multiplier that is kept.
        rate: Growth eta, where the residual is largest.
        start: First multipliers. The paper starts from 0; from 1 the first steps are plain training
            and conditions without multipliers are not drowned at first.

    Raises:
        ValueError: A number is out of range.

    Reference:
        Anagnostopoulos, Toscano, Stergiopulos and Karniadakis, Residual-based attention in
        physics-informed neural networks, arXiv 2307.00379.
    """

    needs = frozenset({"residuals"})

    def __init__(
        self,
        *,
        weights: Mapping[str, float] | None = None,
        decay: float = 0.999,
        rate: float = 0.01,
        start: float = 1.0,
    ) -> None:
        super().__init__(weights=weights)
        if not (0 <= decay < 1 and 0 < rate < float("inf") and 0 <= start < float("inf")):
            raise ValueError(
                f"decay={decay} must lie in [0, 1), rate={rate} must be positive, and "
                f"start={start} at least 0."
            )
        self.decay, self.rate, self.start = decay, rate, start
        self._seen: dict[str, Points] = {}

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
            Shape (n,) for each condition with a residual at each of its points.
        """
        found: dict[str, Tensor | float] = {}
        for name, rows in residuals.items():
            if rows.shape[0] != len(points[name]):
                continue
            size = rows.abs() if rows.ndim == 1 else rows.square().sum(1).sqrt()
            # A process may have no points; then it says 0.
            mine = size.max() if len(size) else size.new_zeros(())
            largest = self.reduce(mine, "max").clamp_min(torch.finfo(size.dtype).tiny)
            old = self._multipliers(name, points[name], size)
            new = self.decay * old + self.rate * size / largest
            self.memory[f"{name}.lambda"] = new
            found[name] = new.square()
        return found

    def _multipliers(self, name: str, points: Points, like: Tensor) -> Tensor:
        """Those of these very points, or fresh ones."""
        x = self.memory.get(f"{name}.x")
        # Comparing values is for sets that come back after a resume; usually the object tells.
        if self._seen.get(name) is not points:
            same = x is not None and x.shape == points.x.shape and torch.equal(x, points.x.to(x))
            self._seen[name] = points
            if not same:
                self.memory[f"{name}.x"] = points.x.detach().to(like.device)
                self.memory[f"{name}.lambda"] = torch.full_like(like, self.start)
        return self.memory[f"{name}.lambda"]
