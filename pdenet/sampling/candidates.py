"""Scored points: pools to train a flow on, and new points of a set, are drawn of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

SOUGHT = 0.5  # share of a pool that is drawn by the residual


@dataclass(frozen=True)
class Candidates:
    """Scored points, of which pools are drawn.

    Args:
        u: Points scaled to the unit cube, shape (m, d).
        q: Density that they were drawn from, relative to the uniform law, shape (m,).
        squares: Squared residuals, shape (m,).
    """

    u: Tensor
    q: Tensor
    squares: Tensor

    def pool(self, n: int, words: tuple[int, ...]) -> Candidates:
        """Draws points, half of them by the residual; the density says so.

        Where a peak of the residual is narrow, few candidates carry most of its integral: a pool
        drawn evenly would hold them by chance.

        Args:
            n: Number of points.
            words: Seed.

        Returns:
            Candidates, some of them perhaps more than once.
        """
        ratio = 1 - SOUGHT + SOUGHT * self.squares / self.squares.mean()
        ends = ratio.cumsum(0) / ratio.sum()
        # Even steps with one random shift: each comes as often as its share says, to within one.
        shift = np.random.default_rng(words).random()
        steps = (torch.arange(n, dtype=torch.float64) + shift) / n
        chosen = torch.searchsorted(ends, steps).clamp_max(len(ends) - 1)
        return Candidates(self.u[chosen], (self.q * ratio)[chosen], self.squares[chosen])

    def chosen(self, n: int, floor: float, words: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        r"""Draws points by the residual, none twice.

        .. math:: p(x) = (1 - \varepsilon) |r| / \overline{|r|} + \varepsilon

        The law is that of RAD, but most of what it is drawn from lies where the flow has found the
        residual. Each candidate waits for a time that is exponential with the law over its density
        as rate; the n first are taken, and the next one's time tells with which probability. So
        densities stay right where the candidates are nearly used up (Cohen and Kaplan,
        Summarizing data using bottom-k sketches, PODC 2007).

        Args:
            n: Number of points, below that of the candidates.
            floor: Share epsilon of the uniform law.
            words: Seed.

        Returns:
            Points scaled to the unit cube, shape (n, d), and their densities relative to the
            uniform law, shape (n,).
        """
        size = self.squares.sqrt()
        rate = (floor + (1 - floor) * size / (size / self.q).mean()) / self.q
        waits = torch.from_numpy(np.random.default_rng(words).exponential(size=len(rate))) / rate
        first = waits.topk(n + 1, largest=False)
        chosen = first.indices[:n]
        taken = -torch.expm1(-rate[chosen] * first.values[n])
        return self.u[chosen], len(rate) / n * taken * self.q[chosen]

    @property
    def effective_share(self) -> float:
        """Of uniform points, for the mean of the squared residual; 1 where it is even."""
        largest = self.squares.max()
        if not largest > 0:
            return 1.0
        size = self.squares / largest  # squares of tiny residuals underflow
        return float((size / self.q).mean().square() / (size.square() / self.q).mean())
