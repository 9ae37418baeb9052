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
    gain = _gain(values / values[-1], steps)
    moved = vectors @ (gain * (vectors.T @ residual.double())) / values[-1]
    left = starred[1].double() - starred[0].double() @ (jacobian.double().T @ moved)
    return float(left.norm() / starred[1].double().norm())


Quadratic = tuple[Tensor, Tensor, float]
"""Rows J of a Gauss-Newton matrix, shape (N, P), gradient g, shape (P,), and energy E."""


def predicted_energy(model: Quadratic, steps: int, fresh: Quadratic | None = None) -> float:
    r"""Energy after steps of gradient descent with its Gauss-Newton matrix held as it is.

    With :math:`J^T J = V \Sigma^2 V^T` and the step :math:`1 / \sigma_1^2`, m steps on the
    quadratic model move the parameters by

    .. math:: d = -\sum_i v_i\, (v_i \cdot g)\,
        \frac{1 - (1 - \sigma_i^2 / \sigma_1^2)^m}{\sigma_i^2},

    which brings the energy to :math:`E + g \cdot d + \tfrac12 |J d|^2`. With another rule's J, g
    and E in this expression it is seen where d only uses the gaps between the first one's points.

    Args:
        model: J, g and E of the points that are trained on.
        steps: Number m of steps.
        fresh: The same at other points, to judge by; None judges by the first.

    Returns:
        The energy, in its own units.

    Raises:
        ValueError: Shapes do not fit, numbers are not finite, J or g is zero, or ``steps`` is below
            1.

    Example:
        >>> predicted_energy((torch.eye(2), torch.tensor([2.0, 0.0]), 3.0), 1)
        1.0
    """
    jacobian, gradient, _ = model
    _check(jacobian.T, gradient, steps)
    jacobian, gradient = jacobian.double(), gradient.double()
    wide = len(jacobian) < jacobian.shape[1]
    values, vectors = torch.linalg.eigh(jacobian @ jacobian.T if wide else jacobian.T @ jacobian)
    gain = _gain(values / values[-1], steps) / values[-1]
    if wide:  # v = J^T q / sigma; round-off has no direction
        along = vectors.T @ (jacobian @ gradient)
        along = torch.where(values > 1e-12 * values[-1], along / values.clamp(min=1e-300), 0.0)
        moved = -jacobian.T @ (vectors @ (gain * along))
    else:
        moved = -vectors @ (gain * (vectors.T @ gradient))
    rows, slope, energy = model if fresh is None else fresh
    return float(energy + slope.double() @ moved + 0.5 * (rows.double() @ moved).square().sum())


def _gain(relative: Tensor, steps: int) -> Tensor:
    """(1 - (1 - q)^m) / q for q from 0 to 1: it tends to m where q does to 0."""
    q = relative.clamp(0.0, 1 - 1e-15)
    learned = -torch.expm1(steps * torch.log1p(-q))  # keeps its digits for small q
    return torch.where(q > 0, learned / q.clamp(min=1e-300), float(steps))


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
