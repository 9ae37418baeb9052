"""Weights in time: what comes later waits until what comes earlier is solved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pdenet.balancing.base import Balance, GradientNorms
from pdenet.geometry import Points, Region


class Causal(Balance):
    r"""Causal weights over M chunks of time.

    With the equations' mean squares :math:`L_k` in chunk k, points of chunk i weigh

    .. math:: w_i = \exp\Bigl(-\epsilon \sum_{k < i} L_k\Bigr).

    When the smallest weight exceeds ``delta``, the next and larger epsilon is taken. The weights
    hold for all conditions that extend over time, walls as well as equations; the sum is over
    equations (conditions on regions of full dimension), with the user's factors.

    Args:
        weights: The user's own factors by condition; the start usually needs a large one.
        chunks: Number M of chunks.
        epsilons: Increasing steepnesses, dimensionless.
        delta: Smallest weight at which the next epsilon is taken.

    Raises:
        ValueError: A number is out of range.

    Reference:
        Wang, Sankaran and Perdikaris, Respecting causality is all you need for training
        physics-informed neural networks, arXiv 2203.07404.
    """

    needs = frozenset({"residuals"})

    def __init__(
        self,
        *,
        weights: Mapping[str, float] | None = None,
        chunks: int = 32,
        epsilons: Sequence[float] = (0.01, 0.1, 1.0, 10.0, 100.0),
        delta: float = 0.99,
    ) -> None:
        super().__init__(weights=weights)
        steep = tuple(float(e) for e in epsilons)
        good = steep and all(0 < e < math.inf for e in steep) and steep == tuple(sorted(steep))
        if not (good and chunks >= 2 and 0 < delta < 1):
            raise ValueError(
                f"chunks={chunks} must be at least 2, epsilons={steep} positive and increasing, "
                f"and delta={delta} between 0 and 1."
            )
        self.chunks, self.epsilons, self.delta = chunks, steep, delta
        self._steep = torch.tensor(steep, dtype=torch.float64)
        self.interval = (0.0, 1.0)
        self.spanning: frozenset[str] = frozenset()
        self.equations: frozenset[str] = frozenset()

    def bind(self, regions: Mapping[str, Region], seed: int = 0) -> None:
        """Says which conditions there are, and over which time.

        Args:
            regions: Region of each condition, by the condition's name.
            seed: Of no effect here.

        Raises:
            ValueError: No equation extends over a time ``t``, or a factor is given for a condition
                that is not there.
        """
        super().bind(regions, seed)
        times = {n: r.bounds["t"] for n, r in regions.items() if "t" in r.coordinates}
        self.spanning = frozenset(n for n, (low, high) in times.items() if low < high)
        self.equations = frozenset(
            n for n in self.spanning if regions[n].dimension == len(regions[n].coordinates)
        )
        if not self.equations:
            raise ValueError(
                "Causal weights need an equation over time, but no condition lives on a region of "
                f"full dimension with a coordinate t: {sorted(regions)}. Name the time "
                "coordinate t, or take another balance."
            )
        lows, highs = zip(*(times[n] for n in self.equations), strict=True)
        self.interval = (min(lows), max(highs))

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
            Shape (n,) for each condition that extends over time.
        """
        pointwise = {
            n: self.chunk(points[n]["t"].to(r))
            for n, r in residuals.items()
            if n in self.spanning and len(r) == len(points[n])
        }
        levels = sum(
            self.factors.get(n, 1.0) * self.mean_squares(residuals[n], chunk)
            for n, chunk in pointwise.items()
            if n in self.equations
        )
        if not isinstance(levels, Tensor):
            return {}
        weights = self.by_chunk(levels)
        return {name: weights[chunk] for name, chunk in pointwise.items()}

    def chunk(self, t: Tensor) -> Tensor:
        """Number of the chunk that each time lies in, shape (n,)."""
        low, high = self.interval
        scaled = (t - low) * (self.chunks / (high - low))
        return scaled.floor().clamp(0, self.chunks - 1).long()

    def mean_squares(self, rows: Tensor, chunk: Tensor) -> Tensor:
        """Mean of the rows' squares in each chunk, shape (chunks,); 0 where there are no points."""
        squares = rows.square() if rows.ndim == 1 else rows.square().sum(1)
        # A product with indicators, not a scatter: sums in the same order on every device.
        member = torch.nn.functional.one_hot(chunk, self.chunks).to(squares.dtype)
        sums = self.reduce(squares @ member, "sum")
        return sums / self.reduce(member.sum(0), "sum").clamp_min(1)

    def by_chunk(self, levels: Tensor) -> Tensor:
        """Weights of the chunks from their mean squares; takes the next epsilon when it is time.

        Args:
            levels: Mean squares, shape (chunks,).

        Returns:
            Shape (chunks,), from 1 down.
        """
        index = self.memory.setdefault("index", torch.zeros((), dtype=torch.long)).to(levels.device)
        steep = self._steep = self._steep.to(levels)
        weights = torch.exp(-steep[index] * (levels.cumsum(0) - levels))
        # On the device, without asking the host: index grows by one where the last chunk is open.
        step_up = (weights.min() > self.delta).long()
        self.memory["index"] = (index + step_up).clamp(max=len(self.epsilons) - 1)
        return weights
