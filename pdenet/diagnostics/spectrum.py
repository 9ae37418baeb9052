"""The spectrum of a kernel, and numbers that sum it up.

Every function takes the kernel K = J J^T, a matrix, or its eigenvalues, a vector, so that one
decomposition serves them all. All numbers are dimensionless and, but for the effective dimension,
do not change when the kernel is multiplied by a factor.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

CONVENTION = "eigenvalues of K = J J^T"
"""What effective rank is taken of; singular values of J would give a larger number."""


def spectrum(kernel: Tensor) -> Tensor:
    """Eigenvalues of a kernel, largest first, in float64.

    The kernel is symmetrized; negative eigenvalues, which are round-off, become zero.

    Args:
        kernel: Symmetric positive semi-definite matrix, shape (n, n).

    Returns:
        Shape (n,).

    Raises:
        ValueError: ``kernel`` is not square, is empty, or is not finite.

    Example:
        >>> spectrum(torch.diag(torch.tensor([1.0, 3.0]))).tolist()
        [3.0, 1.0]
    """
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or not len(kernel):
        raise ValueError(f"A kernel is a square matrix; got shape {tuple(kernel.shape)}.")
    _require_finite(kernel)
    kernel = kernel.detach().double()
    return torch.linalg.eigvalsh((kernel + kernel.T) / 2).flip(0).clamp(min=0)


def effective_rank(kernel: Tensor) -> Tensor:
    r"""Entropy of the kernel's normalized spectrum, as a number of modes.

    .. math:: \exp\bigl(-\sum_i p_i \log p_i\bigr),\quad p_i = \lambda_i / \sum_j \lambda_j

    Args:
        kernel: Symmetric positive semi-definite matrix, shape (n, n), or its eigenvalues, (n,).

    Returns:
        Scalar between 1 and the rank.

    Raises:
        ValueError: ``kernel`` is not square, is empty, not finite, or zero.

    Reference:
        Roy and Vetterli, The effective rank, EUSIPCO 2007.

    Example:
        >>> effective_rank(torch.eye(4)).round().item()
        4.0
    """
    values = _eigenvalues(kernel)
    p = values / values.sum()
    return torch.exp(torch.special.entr(p).sum())  # entr(0) = 0


def participation_ratio(kernel: Tensor) -> Tensor:
    r""":math:`(\mathrm{tr} K)^2 / |K|_F^2`, a count of modes that is at most the effective rank.

    Needs no eigenvalues.

    Args:
        kernel: Symmetric positive semi-definite matrix, shape (n, n), or its eigenvalues, (n,).

    Returns:
        Scalar between 1 and the rank.

    Raises:
        ValueError: ``kernel`` is not square, is empty, not finite, or zero.

    Example:
        >>> participation_ratio(torch.eye(4)).item()
        4.0
    """
    if kernel.ndim == 1:
        values = _eigenvalues(kernel)
        return values.sum() ** 2 / values.square().sum()
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or not len(kernel):
        raise ValueError(f"A kernel is a square matrix; got shape {tuple(kernel.shape)}.")
    _require_finite(kernel)
    trace, square = kernel.detach().double().trace(), kernel.detach().double().square().sum()
    if square == 0:
        raise ValueError(_VANISHES)
    return trace**2 / square


def effective_dimension(kernel: Tensor, damping: float) -> Tensor:
    r""":math:`\mathrm{tr}\,K (K + \lambda I)^{-1}`: modes that a damped second-order step moves.

    Args:
        kernel: Symmetric positive semi-definite matrix, shape (n, n), or its eigenvalues, (n,).
        damping: :math:`\lambda`, in the kernel's units; positive.

    Returns:
        Scalar between 0 and the rank.

    Raises:
        ValueError: ``damping`` is not positive, or ``kernel`` as for :func:`effective_rank`.

    Example:
        >>> effective_dimension(torch.eye(4), damping=1.0).item()
        2.0
    """
    if not damping > 0:
        raise ValueError(f"damping={damping} must be positive; without it the rank is counted.")
    values = _eigenvalues(kernel)
    return (values / (values + damping)).sum()


def condition_number(kernel: Tensor) -> Tensor:
    """Largest eigenvalue over the smallest: how many times slower the slowest mode is.

    Below about 1e-15 of the largest eigenvalue the smallest is round-off, and so is the answer.

    Args:
        kernel: Symmetric positive semi-definite matrix, shape (n, n), or its eigenvalues, (n,).

    Returns:
        Scalar, at least 1; infinite for a singular kernel.

    Raises:
        ValueError: ``kernel`` is not square, is empty, not finite, or zero.

    Example:
        >>> condition_number(torch.tensor([4.0, 1.0])).item()
        4.0
    """
    values = _eigenvalues(kernel)
    return values.max() / values.min()


def spectrum_by_condition(kernel: Tensor, rows: Mapping[str, slice]) -> dict[str, Tensor]:
    """Spectrum of each condition's own block of the kernel.

    Args:
        kernel: Symmetric positive semi-definite matrix, shape (n, n).
        rows: Rows of each condition, as ``Tangent.rows``.

    Returns:
        Eigenvalues by condition, largest first.

    Raises:
        ValueError: A block is empty, or not finite.

    Example:
        >>> found = spectrum_by_condition(torch.eye(3), {"equation": slice(0, 2)})
        >>> found["equation"].tolist()
        [1.0, 1.0]
    """
    return {name: spectrum(kernel[part, part]) for name, part in rows.items()}


_VANISHES = (
    "The kernel vanishes, so its modes cannot be counted; do the residuals depend on the trained "
    "parameters?"
)


def _eigenvalues(kernel: Tensor) -> Tensor:
    values = spectrum(kernel) if kernel.ndim != 1 else kernel.detach().double()
    _require_finite(values)
    if not len(values) or bool((values < 0).any()):
        raise ValueError(
            f"Eigenvalues of a kernel are at least 0; got {len(values)} values from "
            f"{float(values.min()) if len(values) else None}."
        )
    if not bool((values > 0).any()):
        raise ValueError(_VANISHES)
    return values


def _require_finite(kernel: Tensor) -> None:
    if not bool(kernel.isfinite().all()):
        raise ValueError(
            "The kernel has entries that are not finite; training has diverged, or a residual is "
            "singular at a point."
        )
