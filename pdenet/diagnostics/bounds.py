"""Effective rank from some leading eigenvalues and the trace: what is certain, and a guess."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class RankBounds:
    """An interval that effective rank is certain to lie in, and a guess within it.

    Args:
        lower: Proven lower bound.
        estimate: Effective rank if the eigenvalues that were not found fell off geometrically.
        upper: Proven upper bound.
        tail: Share of the trace that was not found, between 0 and 1.
    """

    lower: float
    estimate: float
    upper: float
    tail: float


def rank_bounds(values: Tensor, trace: float, size: int, defect: float = 0.0) -> RankBounds:
    r"""Bounds on effective rank from Ritz values on *any* orthonormal vectors, and the exact trace.

    With :math:`p_i = \theta_i / \mathrm{tr} K`, :math:`\tau = 1 - \sum_i p_i` and
    :math:`\delta` the defect over the trace, the entropy H of K's normalized spectrum obeys

    .. math::

        \sum_i p_i \log\tfrac1{p_i} + \tau \log\tfrac1\tau - \delta\log(n - 1) - h(\delta)
        \;\le\; H \;\le\; \sum_i p_i \log\tfrac1{p_i} + \tau \log\frac{n - k}{\tau},

    h being the entropy of a coin that falls heads with probability :math:`\delta`.

    The right side: in the Ritz vectors and any completion, the diagonal of K is majorized by its
    eigenvalues (Schur, Horn), so that its entropy is no smaller; a tail spread evenly has the most.
    The left side: K without the blocks that couple the vectors to their complement has the Ritz
    values, and others that sum to the tail, as eigenvalues; their entropy is least if one of them
    is all of it. Those blocks' trace norm, which is the defect, limits how far H is from there
    (Audenaert). No assumption is made that an eigenvalue has not been missed.

    Args:
        values: Ritz values, shape (k,).
        trace: Trace of K, exact.
        size: The dimension n of K; the smaller one of J's shape, since K and J^T J share their
            non-zero eigenvalues.
        defect: Sum of the singular values of :math:`K V - V \Theta`, or more, such as the sum of
            its columns' norms; in the kernel's units.

    Returns:
        The bounds; round-off aside, they hold whatever the vectors are.

    Raises:
        ValueError: More values than the size, a trace that is not positive, or numbers that are
            not finite.

    Reference:
        Audenaert, A sharp continuity estimate for the von Neumann entropy, J. Phys. A 40 (2007)
        8127.

    Example:
        >>> found = rank_bounds(torch.tensor([4.0, 2.0]), trace=8.0, size=4)
        >>> [round(x, 3) for x in (found.lower, found.estimate, found.upper, found.tail)]
        [2.828, 3.364, 3.364, 0.25]
    """
    values = values.detach().double()
    k = len(values)
    numbers = (trace, defect, *values.tolist())
    if values.ndim != 1 or k > size or not all(map(math.isfinite, numbers)):
        raise ValueError(
            f"Expected at most {size} finite Ritz values in one row, a finite trace and a finite "
            f"defect; got shape {tuple(values.shape)}, trace {trace}, defect {defect}."
        )
    if not trace > 0 or defect < 0:
        raise ValueError(
            f"trace={trace} must be positive and defect={defect} at least 0; does the kernel "
            "vanish?"
        )
    p = values.clamp(min=0) / trace
    found = float(torch.special.entr(p).sum())
    tail = min(1.0, max(0.0, 1.0 - float(p.sum())))
    if k == size:  # nothing is left to find but round-off
        tail = 0.0
    gap = _continuity(min(1.0, defect / trace), size)
    lower = max(0.0, found + _entropy(tail) - gap)
    upper = found + _entropy(tail) + (tail * math.log(size - k) if k < size else 0.0)
    last = float(p[-1]) if k else 0.0
    guess = found + (_geometric(last, tail) if tail else 0.0)
    guess = min(max(guess, lower), upper)
    return RankBounds(math.exp(lower), math.exp(guess), math.exp(upper), tail)


def _entropy(x: float) -> float:
    return -x * math.log(x) if x > 0 else 0.0


def _continuity(delta: float, size: int) -> float:
    """How far entropies can be apart at a trace distance delta."""
    if size < 2:
        return 0.0
    return delta * math.log(size - 1) + _entropy(delta) + _entropy(1 - delta)


def _geometric(last: float, tail: float) -> float:
    """Entropy of last * (q, q^2, ...), with q such that they sum to the tail."""
    if last <= 0:
        return math.inf
    q = tail / (tail + last)
    return tail * (-math.log(last) - math.log(q) / (1 - q))
