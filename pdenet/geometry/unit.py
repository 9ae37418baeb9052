"""Points of the unit cube: random, low-discrepancy, and Gauss-Legendre.

Regions map these to themselves, so that every way of drawing works on every region.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import roots_jacobi, roots_legendre
from torch import Tensor

METHODS = ("uniform", "sobol", "latin-hypercube")
"""Ways to draw points."""

_SOBOL_CELL = 2.0**-30
_LARGEST_SOBOL_DIMENSION = 21201
_PANEL = 48


def unit_points(n: int, dimension: int, seed: int | Sequence[int], method: str) -> Tensor:
    """Draw points in the unit cube: a pure function of its arguments.

    Args:
        n: Number of points.
        dimension: Of the cube; may be 0.
        seed: A non-negative whole number, or several.
        method: One of ``METHODS``.

    Returns:
        Points in float64 on the CPU, shape (n, dimension).

    Raises:
        ValueError: Unknown method, bad seed, or too many dimensions for Sobol's sequence.
    """
    if method not in METHODS:
        raise ValueError(f"Unknown sampling method {method!r}; known are {', '.join(METHODS)}.")
    try:
        sequence = np.random.SeedSequence(seed)
    except (TypeError, ValueError):
        raise ValueError(
            f"A seed is a non-negative whole number or a sequence of them; got {seed!r}."
        ) from None
    if dimension == 0:
        return torch.empty(n, 0, dtype=torch.float64)
    if method == "sobol":
        return _sobol(n, dimension, sequence)
    rng = np.random.Generator(np.random.PCG64(sequence))
    u = rng.random((n, dimension))
    if method == "latin-hypercube":
        cells = rng.permuted(np.tile(np.arange(n), (dimension, 1)), axis=1).T
        u = (cells + u) / n
    return torch.from_numpy(u)


def _sobol(n: int, dimension: int, sequence: np.random.SeedSequence) -> Tensor:
    if dimension > _LARGEST_SOBOL_DIMENSION:
        raise ValueError(
            f"Sobol's sequence is tabulated up to {_LARGEST_SOBOL_DIMENSION} dimensions, but the "
            f"region needs {dimension}. Use method='latin-hypercube'."
        )
    engine = torch.quasirandom.SobolEngine(
        dimension, scramble=True, seed=int(sequence.generate_state(1)[0])
    )
    # The sequence sits at the lower corners of its cells, 0 included: their middles keep points
    # off the ends of an interval, which belong to its faces.
    return engine.draw(n, dtype=torch.float64) + _SOBOL_CELL / 2


def pick(u: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
    """Choose one of several parts by a number in the unit interval, and recycle the number.

    Args:
        u: Numbers in the unit interval, shape (n,).
        shares: Positive shares of the parts, shape (m,), any scale.

    Returns:
        The chosen part, shape (n,), and a number in the unit interval that is uniform given the
        choice, shape (n,).
    """
    ends = shares.cumsum(0) / shares.sum()
    chosen = torch.bucketize(u.contiguous(), ends[:-1], right=True)
    starts = torch.cat([ends.new_zeros(1), ends[:-1]])
    return chosen, ((u - starts[chosen]) * (shares.sum() / shares)[chosen]).clamp(0, 1)


_legendre = functools.lru_cache(maxsize=64)(roots_legendre)


@functools.lru_cache(maxsize=64)
def gauss(m: int) -> tuple[Tensor, Tensor]:
    """Gauss-Legendre rule on the unit interval.

    Exact for polynomials of degree 2 m - 1. Beyond 48 points the interval is cut into equal panels,
    each exact to degree 47 or higher: rounding is reached there, and steep functions are resolved.

    Args:
        m: Number of nodes.

    Returns:
        Nodes and weights, shape (m,); weights sum to 1.
    """
    panels = math.ceil(m / _PANEL)
    sizes = [m // panels + (i < m % panels) for i in range(panels)]
    nodes, weights = [], []
    for i, size in enumerate(sizes):
        z, w = _legendre(size)
        nodes.append((i + 0.5 * (z + 1)) / panels)
        weights.append(0.5 * w / panels)
    return torch.from_numpy(np.concatenate(nodes)), torch.from_numpy(np.concatenate(weights))


@functools.lru_cache(maxsize=64)
def gauss_jacobi(m: int, alpha: float, beta: float) -> tuple[Tensor, Tensor]:
    r"""Gauss-Jacobi rule on (-1, 1) for the weight :math:`(1 - z)^\alpha (1 + z)^\beta`.

    Args:
        m: Number of nodes; exact for polynomials of degree 2 m - 1.
        alpha: Exponent at 1, above -1.
        beta: Exponent at -1, above -1.

    Returns:
        Nodes and weights, shape (m,).
    """
    z, w = roots_jacobi(m, alpha, beta)
    return torch.from_numpy(np.asarray(z)), torch.from_numpy(np.asarray(w))


def tensor_rule(rules: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Tensor product of rules.

    Args:
        rules: Nodes, shape (m_i, d_i) or (m_i,), and weights, shape (m_i,), of each.

    Returns:
        Nodes, shape (prod m_i, sum d_i), and weights, shape (prod m_i,).
    """
    x = torch.empty(1, 0, dtype=torch.float64)
    w = torch.ones(1, dtype=torch.float64)
    for nodes, weights in rules:
        nodes = nodes.reshape(len(weights), -1)
        x = torch.cat([x.repeat_interleave(len(nodes), 0), nodes.repeat(len(x), 1)], 1)
        w = (w[:, None] * weights).reshape(-1)
    return x, w


def per_axis(n: int, dimension: int) -> int:
    """Number of nodes along each axis, so that a tensor rule has about ``n``.

    Args:
        n: Number of points asked for.
        dimension: Number of axes.

    Returns:
        At least 1.
    """
    return max(1, round(n ** (1 / dimension))) if dimension else 1
