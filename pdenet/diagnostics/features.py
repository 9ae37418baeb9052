"""The last layer: how many different features it combines, and how far they could take it."""

from __future__ import annotations

import torch
from torch import Tensor


def epsilon_rank(features: Tensor, epsilon: float = 1e-4) -> int:
    r"""How many independent features the last layer combines.

    The number of eigenvalues above :math:`\epsilon` of the features' Gram matrix
    :math:`\frac1n \sum_x \phi(x) \phi(x)^\top`; it is seen to rise in steps as the loss falls.

    Args:
        features: Values of the last hidden neurons at points of an even law, shape (n, m).
        epsilon: In squared units of the features; for tanh they are at most 1.

    Returns:
        Between 0 and min(n, m).

    Raises:
        ValueError: ``features`` is not a matrix with entries, or not finite; ``epsilon`` is not
            positive.

    Reference:
        Yang, Zhao, Zhu, epsilon-rank and the staircase phenomenon, arXiv 2412.05144; the default
        threshold is ours.

    Example:
        >>> x = torch.linspace(0, 1, 50)
        >>> epsilon_rank(torch.stack([torch.ones(50), x, 2 * x, 1 + x], dim=1))
        2
    """
    _require_matrix("features", features)
    if not epsilon > 0:
        raise ValueError(f"epsilon={epsilon} must be positive; without it the rank is round-off.")
    found = torch.linalg.svdvals(features.detach().double()).square() / len(features)
    return int((found > epsilon).sum())


def truncated_entropy(singular_values: Tensor, cut: float = 1e-3) -> Tensor:
    r"""Entropy of a normalized spectrum of singular values, the tiny ones cut off.

    :math:`-\sum_k p_k \log p_k` with :math:`p_k = \sigma_k / \sum_j \sigma_j` over the
    :math:`\sigma_k \ge a \sigma_1`.

    Args:
        singular_values: Of a feature matrix, in any order, shape (k,).
        cut: The threshold a, relative to the largest.

    Returns:
        Scalar between 0 and log k, in nats.

    Raises:
        ValueError: There is no positive value, one is negative or not finite, or ``cut`` is not
            between 0 and 1.

    Reference:
        Chen, Yang, Xiang, Hao, Automatic differentiation is essential in training neural networks
        for solving differential equations, arXiv 2405.14099; the threshold there is not known to
        us.

    Example:
        >>> truncated_entropy(torch.tensor([1.0, 1.0, 1e-6])).exp().item()
        2.0
    """
    values = singular_values.detach().double()
    if values.ndim != 1 or not bool(values.isfinite().all()) or not bool((values > 0).any()):
        raise ValueError(
            "Expected finite singular values in one row, at least one of them positive; got shape "
            f"{tuple(values.shape)}."
        )
    if bool((values < 0).any()) or not 0 <= cut < 1:
        raise ValueError(
            f"Singular values are at least 0, their least here is {float(values.min())}; "
            f"cut={cut} must be at least 0 and below 1."
        )
    kept = values[values >= cut * values.max()]
    return torch.special.entr(kept / kept.sum()).sum()


def least_squares_floor(last: Tensor, z: Tensor, cut: float = 1e-12) -> Tensor:
    r"""The smallest relative residual that the last layer can reach with the features as they are.

    :math:`\min_w |z + J_L w| / |z|`, by a singular value decomposition; exact where the problem is
    linear, else for the problem linearized here. Near 1, training needs other features; far below
    1, it is the optimizer that holds the loss up.

    Args:
        last: Columns of J that belong to the last layer, shape (N, m).
        z: Residual rows, scaled as J's, shape (N,).
        cut: Singular values below this part of the largest count as zero.

    Returns:
        Scalar between 0 and 1.

    Raises:
        ValueError: Shapes do not fit, or numbers are not finite.

    Example:
        >>> least_squares_floor(torch.tensor([[2.0], [0.0]]), torch.tensor([3.0, 4.0])).item()
        0.8
    """
    _require_matrix("last", last)
    if z.shape != last.shape[:1] or not bool(z.isfinite().all()):
        raise ValueError(
            f"z has shape {tuple(z.shape)} and must be finite, one number for each row of the "
            f"Jacobian of shape {tuple(last.shape)}."
        )
    z, last = z.detach().double(), last.detach().double()
    size = torch.linalg.vector_norm(z)
    if not size > 0:
        return size
    left, values, _ = torch.linalg.svd(last, full_matrices=False)
    basis = left[:, values > cut * values[0]]
    missed = z - basis @ (basis.mT @ z)
    return torch.clamp(torch.linalg.vector_norm(missed) / size, max=1)


def residual_rate(gradient: Tensor, z: Tensor, largest: float) -> Tensor:
    r"""How fast gradient descent lowers the loss as it stands, as a share of the fastest possible.

    :math:`|J^\top z|^2 / (\lambda_1 |z|^2)`: with the largest stable step, about :math:`1 / 2` over
    this number of steps lower the loss by a factor e. Small where the residual lies in modes of
    small eigenvalues: then the rest of the way is slow.

    Args:
        gradient: :math:`J^\top z`, shape (P,).
        z: Residual rows, scaled as J's, shape (N,).
        largest: The kernel's largest eigenvalue, :math:`\lambda_1`.

    Returns:
        Scalar between 0 and 1; 1 where the residual vanishes.

    Raises:
        ValueError: Numbers are not finite, or ``largest`` is not positive.

    Example:
        >>> J = torch.diag(torch.tensor([2.0, 1.0]))
        >>> z = torch.tensor([0.0, 3.0])
        >>> residual_rate(J.T @ z, z, largest=4.0).item()
        0.25
    """
    if not largest > 0 or not bool(z.isfinite().all() and gradient.isfinite().all()):
        raise ValueError(
            f"The largest eigenvalue {largest} must be positive, residuals and gradient finite; "
            "has training diverged?"
        )
    size = torch.sum(z.detach().double().square())
    if not size > 0:
        return torch.ones_like(size)
    return torch.clamp(gradient.detach().double().square().sum() / (largest * size), 0, 1)


def _require_matrix(name: str, matrix: Tensor) -> None:
    if matrix.ndim != 2 or not matrix.numel() or not bool(matrix.isfinite().all()):
        raise ValueError(
            f"{name} must be a matrix of finite numbers; got shape {tuple(matrix.shape)}."
        )
