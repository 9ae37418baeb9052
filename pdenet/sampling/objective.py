"""What the adversary maximizes: pure functions of densities and residuals at points.

Points come from a law q, and p is the density that is trained, both relative to the uniform law on
the region. Sums are normalized by the ratios p / q themselves: a factor in p cancels, such as the
mass outside of a region, and the mean of the residual is taken off as a baseline.
"""

from __future__ import annotations

import torch
from torch import Tensor


def expected(values: Tensor, log_p: Tensor, q: Tensor) -> Tensor:
    r"""Mean of values under p, from points of q; with gradients to p.

    .. math:: \frac{\sum_i v_i \, p_i / q_i}{\sum_i p_i / q_i}

    Where p = q its gradient is that of the score-function estimator with the mean as a baseline:
    :math:`\frac1n \sum_i (v_i - \bar v) \nabla \log p_i`.

    Args:
        values: Shape (n,).
        log_p: Logarithm of p, up to a constant, shape (n,).
        q: Density that the points were drawn from, shape (n,).

    Returns:
        Scalar.

    Example:
        >>> expected(torch.tensor([1.0, 3.0]), torch.zeros(2), torch.ones(2)).item()
        2.0
    """
    return (torch.softmax(log_p - q.log(), 0) * values).sum()


def entropy(log_p: Tensor, q: Tensor) -> Tensor:
    r"""Entropy of p relative to the uniform law, :math:`-\int p \log p`, with gradients.

    Args:
        log_p: Logarithm of p, up to a constant, shape (n,).
        q: Density that the points were drawn from, shape (n,).

    Returns:
        Scalar, at most 0.

    Example:
        >>> entropy(torch.zeros(3), torch.ones(3)).item()
        0.0
    """
    ratio = log_p - q.log()
    log_mass = torch.logsumexp(ratio, 0) - torch.log(torch.tensor(float(len(q))))
    return log_mass - expected(log_p, log_p, q)


def roughness(log_p: Tensor, u: Tensor, q: Tensor, mass: Tensor | float = 1.0) -> Tensor:
    r"""Sobolev penalty :math:`\int |\nabla p|^2` relative to the uniform law, with gradients.

    Args:
        log_p: Logarithm of p at ``u``, shape (n,); a graph leads back to ``u``.
        u: Points scaled to the unit cube, shape (n, d), which require gradients.
        q: Density that the points were drawn from, shape (n,).
        mass: By which p is to be divided.

    Returns:
        Scalar.
    """
    (slope,) = torch.autograd.grad(log_p.sum(), u, create_graph=True)
    return (((log_p.exp() / mass).square() / q) * slope.square().sum(1)).mean()


def gain(squares: Tensor, law: Tensor, q: Tensor) -> float:
    r"""Effective sample size for the residual under a law over that under the uniform law.

    .. math:: \frac{\int r^4}{\int r^4 / p}

    the harmonic mean of p where the residual is large: above 1 where its points do better than
    uniform ones, and down to the floor where the flow has collapsed on something else.

    Args:
        squares: Squared residuals at points of q, shape (n,).
        law: Density p at them, shape (n,).
        q: Density that the points were drawn from, shape (n,).

    Returns:
        Positive number; 1 where there is no residual.
    """
    # Divided by the largest first: fourth powers of large residuals overflow.
    size = squares / squares.max().clamp_min(torch.finfo(squares.dtype).tiny)
    fourth = size.square() / q
    over = (fourth / law).sum()
    return float(fourth.sum() / over) if over > 0 else 1.0
