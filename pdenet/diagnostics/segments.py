"""A noisy curve as a few straight pieces: as few as its scatter justifies."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEAST = 0.01  # of the curve's units; what is smaller is no reason for another piece
PRICE = 4.0  # of a piece, in units of log(number of points): BIC's, for two numbers and a place


def scatter(y: Array, count: Array) -> Array:
    """Standard deviations of the means that make a curve.

    From second differences, which a straight line has not; their median keeps corners and jumps
    out of it.

    Args:
        y: Means, shape (m,).
        count: Of how many values each is the mean, shape (m,).

    Returns:
        Shape (m,), at least ``LEAST``.

    Example:
        >>> scatter(np.linspace(0, 5, 50), np.ones(50))[0]
        np.float64(0.01)
    """
    if len(y) < 3:
        return np.full(len(y), LEAST)
    second = np.abs(y[2:] - 2 * y[1:-1] + y[:-2])
    spread = np.sqrt(1 / count[2:] + 4 / count[1:-1] + 1 / count[:-2])
    single = np.median(second / spread) / 0.6745  # a normal law's median of absolute values
    return np.hypot(LEAST, single / np.sqrt(count))


def straightened(x: Array, y: Array, sigma: Array) -> tuple[Array, list[slice]]:
    """Fits straight pieces, which need not meet, by least squares with a price for each.

    The best of all partitions, by dynamic programming.

    Args:
        x: Increasing, shape (m,).
        y: The curve, shape (m,).
        sigma: Standard deviations of its values, shape (m,).

    Returns:
        The fit at ``x``, and the pieces.

    Example:
        >>> x = np.arange(20.0)
        >>> fit, pieces = straightened(x, np.maximum(0, x - 9.5), 0.01 * np.ones(20))
        >>> pieces
        [slice(0, 10, None), slice(10, 20, None)]
    """
    m, price = len(x), PRICE * np.log(max(len(x), 2))
    misfit = _misfits(x, y, sigma**-2)
    best = np.zeros(m + 1)
    start = np.zeros(m + 1, dtype=int)
    for end in range(1, m + 1):
        totals = best[:end] + misfit[:end, end] + price
        start[end] = int(np.argmin(totals))
        best[end] = totals[start[end]]
    edges = [m]
    while edges[0] > 0:
        edges.insert(0, int(start[edges[0]]))
    found = [slice(a, b) for a, b in pairwise(edges)]
    return np.concatenate([_line(x[part], y[part], 1 / sigma[part]) for part in found]), found


def _misfits(x: Array, y: Array, weight: Array) -> Array:
    """Weighted squared misfit of the best line through points a to b - 1, at [a, b]."""
    x, y = x - x.mean(), y - y.mean()  # sums of squares lose fewer digits
    parts = (weight * v for v in (np.ones_like(x), x, y, x * x, x * y, y * y))
    sums = [np.concatenate([[0.0], np.cumsum(v)]) for v in parts]
    n, sx, sy, sxx, sxy, syy = (s[None, :] - s[:, None] for s in sums)
    n = np.where(n > 0, n, 1.0)
    xx, xy, yy = sxx - sx**2 / n, sxy - sx * sy / n, syy - sy**2 / n
    several = xx > 1e-12 * weight.max()  # a single point has no slope
    sloped = np.where(several, xy**2 / np.where(several, xx, 1.0), 0.0)
    return np.maximum(yy - sloped, 0.0)


def _line(x: Array, y: Array, weight: Array) -> Array:
    if len(x) == 1:
        return y.copy()
    slope, offset = np.polyfit(x - x.mean(), y, 1, w=weight)
    return slope * (x - x.mean()) + offset
