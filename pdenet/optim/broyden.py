r"""Self-scaled Broyden updates of a dense inverse Hessian, kept as a factor.

With step s, change of gradient y, :math:`\rho = 1 / y^\top s`, and inverse Hessian H, every update
here is

.. math:: H_+ = \frac1\tau \Bigl[H - \frac{H y y^\top H}{y^\top H y}
    + \varphi\, (y^\top H y)\, v v^\top\Bigr] + \rho s s^\top, \qquad
    v = \rho s - \frac{H y}{y^\top H y}, \quad \varphi = \frac{1 - \theta}{1 + a \theta},

with :math:`h = \rho\, y^\top H y`, :math:`b = \rho\, s^\top H^{-1} s`, :math:`a = h b - 1 \ge 0`.
It satisfies the secant equation :math:`H_+ y = s` for any theta and tau.

What is stored is a factor, :math:`H = Z Z^\top`. In the plane of :math:`\eta = Z^\top y` and
:math:`\sigma = Z^{-1} s` the update is a 2 x 2 matrix, elsewhere a multiple of the identity. So the
factor changes by a rank-two matrix, and H stays positive definite whatever the round-off. The
condition number of Z is the root of that of H: small curvatures keep twice the digits.

References:
    Al-Baali, Comput. Optim. Appl. 9 (1998); Oren and Luenberger, Manag. Sci. 20 (1974); Al-Baali,
    Spedicato and Maggioni, Optim. Methods Softw. 29 (2014); Urban, Stefanou and Pons,
    arXiv 2405.04230. The factor: Powell, Math. Program. 38 (1987), for BFGS.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

Update = Literal["bfgs", "ssbfgs", "ssbfgs-ol", "ssbroyden1", "ssbroyden2"]

COLLINEAR = 1e-12  # below, a is round-off and theta, which divides by it, has no meaning


@dataclass(frozen=True)
class Curvature:
    """The invariants that an update depends on, dimensionless.

    Args:
        a: ``h b - 1``, at least 0; 0 where the old H satisfies the secant equation up to a factor.
        b: Curvature that the old H expected along the step, over what was found.
        h: ``y H y`` over ``y s``.
    """

    a: float
    b: float
    h: float


def theta_and_tau(update: Update, c: Curvature, n: int, first: bool) -> tuple[float, float]:
    """Member of the Broyden family, and scaling of the old inverse Hessian.

    Args:
        update: Rule.
        c: Invariants of the step.
        n: Number of unknowns.
        first: Whether the old inverse Hessian is only a multiple of the identity.

    Returns:
        theta (0 is BFGS, 1 is DFP) and tau (1 is no scaling); ``1 + a theta`` and tau are positive.

    Example:
        >>> theta_and_tau("bfgs", Curvature(a=1.0, b=2.0, h=1.0), n=5, first=False)
        (0.0, 1.0)
    """
    theta = _theta(update, c)
    sigma = 1 + c.a * theta
    if first:
        tau = c.h / sigma
    elif update == "bfgs":
        tau = 1.0
    elif update == "ssbfgs-ol":
        tau = 1 / c.b
    elif update == "ssbfgs":
        tau = min(1.0, 1 / c.b)
    else:
        tau = _broyden_tau(theta, sigma, c.b, n)
    good = sigma > 0 and tau > 0 and math.isfinite(sigma) and math.isfinite(tau)
    return (theta, tau) if good else (0.0, 1.0)


def _theta(update: Update, c: Curvature) -> float:
    if update not in {"ssbroyden1", "ssbroyden2"} or c.a < COLLINEAR:
        return 0.0
    root = math.sqrt(c.a / (1 + c.a))
    # 1 - root loses its digits where a is large; this form does not.
    rho_minus = min(1.0, c.h / ((1 + c.a) * (1 + root)))
    theta_minus = (rho_minus - 1) / c.a
    if update == "ssbroyden2":
        return max(theta_minus, min(1 / rho_minus, (1 - c.b) / c.b))
    theta_plus = max(1.0, c.b * (1 + root))
    if c.b == 1:
        return theta_minus
    symmetric_rank_one = 1 / (1 - c.b)
    if c.b > 1:
        return max(theta_minus, symmetric_rank_one)
    return min(theta_plus, symmetric_rank_one)


def _broyden_tau(theta: float, sigma: float, b: float, n: int) -> float:
    share = sigma ** (1 / (1 - n)) if n > 1 and sigma > 0 else 1.0
    shrink = min(1.0, 1 / b)
    if theta <= 0:
        return min(share * shrink, sigma)
    return shrink * min(share, 1 / theta)


class FactoredInverse:
    """Dense inverse Hessian :math:`H = Z Z^T` of n unknowns; n squared numbers.

    Args:
        like: Flat parameters, shape (n,), whose device and dtype are used.
        update: Rule of the family.
    """

    def __init__(self, like: Tensor, update: Update) -> None:
        self.rule: Update = update
        # None stands for the identity: a phase that waits for its turn takes no memory.
        self.factor: Tensor | None = None
        self._like = like.new_empty(0)
        self._next: dict[str, Tensor] = {}

    @property
    def identity(self) -> bool:
        """Whether nothing is known of the curvature."""
        return self.factor is None

    def reset(self) -> None:
        """Forgets all curvature."""
        self.factor, self._next = None, {}

    def start_from(self, matrix: Tensor, scale: float) -> bool:
        r"""Begins with a multiple of the inverse of a matrix, in place of the identity.

        With :math:`A = C C^\top` by Cholesky, :math:`Z = C^{-\top}`.

        Args:
            matrix: A, shape (n, n), such as the damped Gauss-Newton matrix.
            scale: What A^-1 is multiplied by; positive.

        Returns:
            Whether A is positive definite in round-off; if not, nothing changes.
        """
        lower, trouble = torch.linalg.cholesky_ex(matrix)
        if trouble:
            return False
        eye = math.sqrt(scale) * torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
        self.factor = torch.linalg.solve_triangular(lower.T, eye, upper=True).to(self._like)
        self._next = {}
        return True

    def direction(self, gradient: Tensor) -> Tensor:
        """The quasi-Newton direction ``-H g``, shape (n,)."""
        known = self._next.get("gradient")
        if known is None or not (known is gradient or torch.equal(known, gradient)):
            z = self.factor
            inner = -gradient if z is None else -(gradient @ z)
            direction = inner if z is None else z @ inner
            self._next = {"gradient": gradient, "inner": inner, "direction": direction}
        return self._next["direction"]

    def update(self, step: float, gradient: Tensor, new_gradient: Tensor) -> bool:
        """Learns from a step along the last direction.

        Args:
            step: Step length.
            gradient: Gradient before the step, for which the direction was asked, shape (n,).
            new_gradient: Gradient after it, shape (n,).

        Returns:
            Whether there was positive curvature to learn from.
        """
        s = step * self.direction(gradient)
        sigma = step * self._next["inner"]
        first, n = self.identity, len(s)
        z = torch.eye(n, dtype=s.dtype, device=s.device) if self.factor is None else self.factor
        eta, p = torch.stack((new_gradient - gradient, new_gradient)) @ z
        plane = _Plane.of(eta, sigma)
        if plane is None:
            self._next = {}
            return False
        theta, tau = theta_and_tau(self.rule, plane.curvature, n, first)
        self.factor = z
        self._apply(plane, theta, tau, s, eta, p, new_gradient)
        return True

    def _apply(
        self,
        plane: _Plane,
        theta: float,
        tau: float,
        s: Tensor,
        eta: Tensor,
        p: Tensor,
        new_gradient: Tensor,
    ) -> None:
        assert self.factor is not None
        beta = 1 / math.sqrt(tau)
        z_eta, z_p = (self.factor @ torch.stack((eta, p), dim=1)).unbind(1)
        basis = torch.stack((plane.e1, plane.e2), dim=1)
        moved = torch.stack((z_eta / plane.eta, (s - plane.along * z_eta) / plane.across), dim=1)
        change = plane.root(theta, tau, like=s)
        change.diagonal().sub_(beta)
        left = moved @ change
        self.factor.addmm_(left, basis.T, beta=beta)
        # The next direction, from vectors at hand: a fresh product would read Z twice more.
        c = change.T @ (basis.T @ p)
        inner = -(beta * p + basis @ c)
        z_inner = -(beta * z_p + moved @ c)
        self._next = {
            "gradient": new_gradient,
            "inner": inner,
            "direction": beta * z_inner + left @ (basis.T @ inner),
        }

    def state(self) -> dict[str, Any]:
        """All that the next step depends on, as plain data and tensors."""
        return {"factor": self.factor, **self._next}

    def load(self, state: dict[str, Any]) -> None:
        """Takes back what :meth:`state` gave."""
        mine = {n: v.to(self._like, copy=True) for n, v in state.items() if v is not None}
        self.factor = mine.pop("factor", None)
        self._next = mine


@dataclass(frozen=True)
class _Plane:
    """The plane of eta and sigma, in which the update acts, and its orthonormal basis."""

    e1: Tensor
    e2: Tensor
    eta: float  # length of eta
    along: float  # eta's share in sigma: sigma = along * eta + across * e2
    across: float
    product: float  # eta . sigma = y . s

    @classmethod
    def of(cls, eta: Tensor, sigma: Tensor) -> _Plane | None:
        """None where the step found no positive curvature, or less than round-off."""
        ee, es, ss = torch.stack((eta @ eta, eta @ sigma, sigma @ sigma)).tolist()
        if not (es > 1e-14 * math.sqrt(ee * ss) and math.isfinite(ee) and math.isfinite(ss)):
            return None
        along = es / ee
        rest = sigma - along * eta
        across = float(rest.norm())
        # Without a second direction any divisor does: what it scales is zero to round-off.
        across = max(across, 1e-14 * math.sqrt(ss))
        return cls(eta / math.sqrt(ee), rest / across, math.sqrt(ee), along, across, es)

    @property
    def curvature(self) -> Curvature:
        h = self.eta**2 / self.product
        # Not h b - 1, which would cancel.
        a = (self.eta * self.across / self.product) ** 2
        return Curvature(a=a, b=(1 + a) / h, h=h)

    def root(self, theta: float, tau: float, like: Tensor) -> Tensor:
        """Lower Cholesky factor of the update's 2 x 2 matrix in the basis e1, e2."""
        c = self.curvature
        first = 1 / math.sqrt(c.h)
        cross = self.across / self.eta / first
        second = math.sqrt((1 + c.a) / (tau * (1 + c.a * theta)))
        return torch.tensor([[first, 0.0], [cross, second]], dtype=like.dtype, device=like.device)
