"""How far gradient descent would come if the kernel stayed as it is: what a spectrum promises."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def predicted_residual(
    jacobian: Tensor,
    residual: Tensor,
    steps: int,
    fresh: tuple[Tensor, Tensor] | None = None,
) -> float:
    r"""Relative residual after steps of gradient descent with the kernel held as it is.

    With z the residual, J its Jacobian, K = J J^T and the step 1 / lambda_1, linearized gradient
    descent leaves

    .. math:: z_m = (I - K / \lambda_1)^m z, \qquad
        z^*_m = z^* - J^* J^T K^+ (z - z_m)

    at the training points and at fresh ones (starred). It weighs what effective rank leaves out:
    whether the residual lies in the kernel's fast directions, and whether what is learned at the
    training points holds between them. Training changes the kernel, so that it is a guess to rank
    networks by, not a bound.

    Args:
        jacobian: J, shape (N, P).
        residual: z, shape (N,).
        steps: Number m of steps.
        fresh: J* and z* at other points; None judges the training points themselves.

    Returns:
        Norm of the residual left, over its norm at the start; dimensionless. At fresh points it
        may exceed 1.

    Raises:
        ValueError: Shapes do not fit, numbers are not finite, a start is zero, or ``steps`` is
            below 1.

    Reference:
        Jacot, Gabriel and Hongler, Neural tangent kernel, NeurIPS 2018, section 5.

    Example:
        >>> predicted_residual(torch.diag(torch.tensor([2.0, 1.0])), torch.tensor([3.0, 4.0]), 1)
        0.6
    """
    starred = (jacobian, residual) if fresh is None else fresh
    _check(jacobian, residual, steps)
    _check(*starred, steps)
    if starred[0].shape[1] != jacobian.shape[1]:
        raise ValueError(
            f"J has {jacobian.shape[1]} columns, but at fresh points {starred[0].shape[1]}; both "
            "belong to the same parameters."
        )
    kernel = jacobian.double() @ jacobian.double().T
    values, vectors = torch.linalg.eigh(kernel)
    relative = (values / values[-1]).clamp(min=0.0)
    # (1 - (1 - q)^m) / q tends to m where q does to 0, and keeps its digits this way.
    learned = -torch.expm1(steps * torch.log1p(-relative.clamp(max=1 - 1e-15)))
    gain = torch.where(relative > 0, learned / relative.clamp(min=1e-300), float(steps))
    moved = vectors @ (gain * (vectors.T @ residual.double())) / values[-1]
    left = starred[1].double() - starred[0].double() @ (jacobian.double().T @ moved)
    return float(left.norm() / starred[1].double().norm())


def _check(jacobian: Tensor, residual: Tensor, steps: int) -> None:
    if jacobian.ndim != 2 or residual.shape != jacobian.shape[:1] or not jacobian.numel():
        raise ValueError(
            f"J has shape {tuple(jacobian.shape)} and the residual {tuple(residual.shape)}; "
            "(N, P) and (N,) are expected."
        )
    if steps < 1:
        raise ValueError(f"steps={steps} must be at least 1.")
    norms = float(jacobian.norm()), float(residual.norm())
    if not all(math.isfinite(n) and n > 0 for n in norms):
        raise ValueError(f"J and the residual have norms {norms}; both must be finite, not zero.")
