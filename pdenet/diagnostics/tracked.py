"""Leading eigenpairs of a kernel that drifts, carried from one measurement to the next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pdenet.diagnostics.bounds import RankBounds, rank_bounds
from pdenet.diagnostics.kernels import Kernel


@dataclass(frozen=True, eq=False)
class LeadingPairs:
    r"""Ritz pairs of a kernel, largest value first.

    Args:
        values: Ritz values, shape (k,), in the kernel's units: lower bounds of the k largest
            eigenvalues, one by one.
        vectors: Orthonormal Ritz vectors, shape (n, k).
        residuals: :math:`|K v_i - \theta_i v_i|`, shape (k,): an eigenvalue lies this close.
        trace: Sum of all eigenvalues.
        bounds: What the values and the trace say of effective rank.
        passes: Multiplications by the kernel that it took.
    """

    values: Tensor
    vectors: Tensor
    residuals: Tensor
    trace: float
    bounds: RankBounds
    passes: int


class TrackedSpectrum:
    """Follows the leading eigenpairs of a kernel by block power steps from where they were.

    Each pass multiplies an orthonormal V by K, takes the Ritz pairs, and goes on with
    ``qr(K V)``. Training moves the kernel little between two measurements, so that a pass or two
    suffice where a decomposition would start anew. The number of pairs grows until they hold
    all but the tail of the trace, and shrinks when fewer do.

    Steps of Adam on an eigen loss (trace, Brockett's, convex trace) in place of the power steps
    were tried on a drifting kernel and left out: at as many multiplications by K, their residuals
    stayed a thousand times larger at the best of four rates.

    Args:
        tail: Share of the trace that may be left out.
        accuracy: Defect over trace at which passes end; the lower bound on effective rank loses
            about ten times as much.
        most: Pairs at the most.
        passes: Multiplications by the kernel at the most, in one update.
        seed: Seed of the first vectors.

    Raises:
        ValueError: A number is out of range.

    Reference:
        Li et al., Amortized eigendecomposition for neural networks, NeurIPS 2024, for carrying the
        pairs along and QR in place of a decomposition.

    Example:
        >>> from pdenet.diagnostics import DenseKernel
        >>> kernel = DenseKernel(torch.diag(0.5 ** torch.arange(100.0)))
        >>> found = TrackedSpectrum().update(kernel)
        >>> found.values[:3].round(decimals=6).tolist()
        [1.0, 0.5, 0.25]
        >>> found.bounds.lower <= 4.0 <= found.bounds.upper
        True
    """

    def __init__(
        self,
        *,
        tail: float = 0.05,
        accuracy: float = 1e-3,
        most: int = 256,
        passes: int = 12,
        seed: int = 0,
    ) -> None:
        if not (0 < tail < 1 and accuracy > 0 and most >= 1 and passes >= 1):
            raise ValueError(
                f"TrackedSpectrum(tail={tail}, accuracy={accuracy}, most={most}, passes={passes}) "
                "needs a tail between 0 and 1 and positive numbers."
            )
        self.tail, self.accuracy, self.most, self.passes = tail, accuracy, most, passes
        self.seed = seed
        self._vectors: Tensor | None = None
        self._drawn = 0

    def update(self, kernel: Kernel) -> LeadingPairs:
        """The leading pairs of the kernel as it is now.

        Args:
            kernel: Of the same size as in the updates before; else the vectors start anew.

        Returns:
            The pairs.

        Raises:
            ValueError: The kernel vanishes, or has entries that are not finite.
        """
        pairs, following = _ritz(self._start(kernel), kernel, 1)
        while pairs.passes < self.passes and not self._enough(pairs, kernel):
            narrow = len(pairs.values) < min(self.most, kernel.size)
            if pairs.bounds.tail > self.tail and narrow:
                following = self._widened(following)
            pairs, following = _ritz(following, kernel, pairs.passes + 1)
        self._vectors = following[:, : self._worth(pairs)]
        return pairs

    def state_dict(self) -> dict[str, Any]:
        """The vectors, for a checkpoint."""
        return {"vectors": self._vectors, "drawn": self._drawn}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on with the vectors of a checkpoint."""
        self._vectors, self._drawn = state["vectors"], state["drawn"]

    def _start(self, kernel: Kernel) -> Tensor:
        if self._vectors is None or len(self._vectors) != kernel.size:
            self._vectors = self._random(kernel.size, min(16, self.most, kernel.size))
        return torch.linalg.qr(self._vectors)[0]

    def _widened(self, V: Tensor) -> Tensor:
        """Twice as many vectors, the new ones at random."""
        more = min(V.shape[1], self.most - V.shape[1], len(V) - V.shape[1])
        return torch.linalg.qr(torch.cat([V, self._random(len(V), more).to(V)], dim=1))[0]

    def _random(self, size: int, count: int) -> Tensor:
        self._drawn += 1
        generator = torch.Generator().manual_seed(self.seed + self._drawn)
        return torch.randn(size, count, generator=generator, dtype=torch.float64)

    def _enough(self, pairs: LeadingPairs, kernel: Kernel) -> bool:
        if len(pairs.values) == kernel.size:
            return True
        wide = pairs.bounds.tail <= self.tail or len(pairs.values) >= self.most
        return wide and float(pairs.residuals.sum()) <= self.accuracy * pairs.trace

    def _worth(self, pairs: LeadingPairs) -> int:
        """How many pairs to carry on: those that are needed, and some that help them converge."""
        mass = pairs.values.cumsum(0) / pairs.trace
        needed = int((mass < 1 - self.tail).sum()) + 1
        wanted = math.ceil(1.5 * needed) + 4
        return wanted if 2 * wanted <= len(mass) else len(mass)


def _ritz(V: Tensor, kernel: Kernel, passes: int) -> tuple[LeadingPairs, Tensor]:
    """Ritz pairs on V, and the vectors to go on with."""
    product = kernel.apply(V)
    if not bool(product.isfinite().all()):
        raise ValueError(
            "The kernel has entries that are not finite; training has diverged, or a residual is "
            "singular at a point."
        )
    small = V.mT @ product
    values, rotation = torch.linalg.eigh((small + small.mT) / 2)
    values, rotation = values.flip(0).clamp(min=0), rotation.flip(1)
    vectors, product = V @ rotation, product @ rotation
    residuals = torch.linalg.vector_norm(product - vectors * values, dim=0)
    # The sum of columns' norms bounds that of singular values. With all directions at hand
    # nothing is coupled to a complement but by round-off.
    defect = float(residuals.sum()) if V.shape[1] < len(V) else 0.0
    bounds = rank_bounds(values, kernel.trace, kernel.size, defect)
    pairs = LeadingPairs(values, vectors, residuals, kernel.trace, bounds, passes)
    return pairs, torch.linalg.qr(product)[0]
