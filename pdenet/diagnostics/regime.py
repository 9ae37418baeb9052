"""Lazy or rich: whether training moves the kernel, or only along what it was at the start."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

Regime = Literal["lazy", "between", "rich"]

LAZY, RICH = 0.05, 0.5  # kernel drift


def kernel_drift(kernel: Tensor, start: Tensor) -> Tensor:
    r"""How far the kernel has turned: :math:`1 - \langle K, K_0 \rangle_F / (|K| |K_0|)`.

    Scaling the kernel is no drift.

    Args:
        kernel: The kernel now, at fixed points, shape (N, N).
        start: The kernel when training began, at the same points.

    Returns:
        Scalar between 0 and 1.

    Raises:
        ValueError: Shapes differ, or a kernel vanishes or is not finite.

    Example:
        >>> import torch
        >>> round(kernel_drift(torch.diag(torch.tensor([1.0, 0.0])), torch.eye(2)).item(), 6)
        0.292893
    """
    _require_same(kernel, start, "kernel")
    sizes = start.detach().double().norm() * kernel.detach().double().norm()
    if not (sizes > 0 and sizes.isfinite()):
        raise ValueError(
            "A kernel vanishes or is not finite; training has diverged, or nothing is trained."
        )
    inner = (kernel.detach().double() * start.detach().double()).sum()
    return (1 - inner / sizes).clamp(0, 1)


def linearization_error(now: Tensor, start: Tensor, predicted: Tensor) -> Tensor:
    r"""What the model linearized at the start misses of how the residuals changed.

    :math:`|z - z_0 - J_0 (\theta - \theta_0)| / |z - z_0|`; near 0, training is a linear problem
    with the kernel of the start.

    Args:
        now: Residual rows z, shape (N,).
        start: The same when training began.
        predicted: :math:`J_0 (\theta - \theta_0)`: one product with J of the start.

    Returns:
        Scalar, at least 0; 0 where nothing has changed.

    Raises:
        ValueError: Shapes differ.

    Example:
        >>> import torch
        >>> one = torch.ones(2)
        >>> linearization_error(3 * one, one, one).item()
        0.5
    """
    _require_same(now, start, "residual")
    _require_same(predicted, start, "prediction")
    change = (now - start).detach().double()
    missed = (change - predicted.detach().double()).norm()
    return missed / change.norm() if change.norm() > 0 else change.norm()


def regime(drift: float) -> Regime:
    """Names the regime.

    Args:
        drift: Kernel drift, see :func:`kernel_drift`.

    Returns:
        "lazy" below 0.05, where effective rank at the start foretells the speed; "rich" above 0.5,
        where features are learned; else "between". The bounds are customary, not derived.

    Raises:
        ValueError: ``drift`` is not between 0 and 1.

    Example:
        >>> regime(0.01), regime(0.2), regime(0.8)
        ('lazy', 'between', 'rich')
    """
    if not 0 <= drift <= 1:
        raise ValueError(f"drift={drift} must be between 0 and 1.")
    return "lazy" if drift < LAZY else "rich" if drift > RICH else "between"


def _require_same(one: Tensor, other: Tensor, what: str) -> None:
    if one.shape != other.shape or not one.numel():
        raise ValueError(
            f"A {what} of shape {tuple(one.shape)} cannot be compared with one of shape "
            f"{tuple(other.shape)}; take both at the same points."
        )
