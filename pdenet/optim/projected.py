"""Variable projection: parameters in which the rows are linear are solved for at each step."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from pdenet.optim.damped import Damped, NormalEquations, Orthogonal, lowered
from pdenet.optim.damped_gauss_newton import ATTEMPTS, FIRST, GAIN, LOWEST, SQUARED
from pdenet.optim.jacobian import JacobianOptimizer
from pdenet.optim.line_search import NOISE
from pdenet.optim.linearization import Linearization, Linearize
from pdenet.optim.stopping import PER_STEP, Stopping

CUT = 1e-14  # of the largest singular value of the linear columns; below, they are dependent


class ProjectedGaussNewton(JacobianOptimizer):
    r"""Minimizes :math:`\tfrac12 |z(\theta, c)|^2`: over c at each step, over theta by steps.

    With A and B the columns of c and of theta, and P the projection onto the complement of the
    span of A, the step in theta is Kaufman's, :math:`(B^\top P B + \mu I) d = -B^\top P z`, and c
    is then solved for at the new theta. Where z is not affine in c, that solve is one Gauss-Newton
    step, and is left out where it does not lower the loss. The damping follows Nielsen's rule.

    Args:
        parameters: What is trained; one group.
        linear: Those of them in which the rows are affine, or nearly so.
        damping: First mu, as a share of the norm of :math:`B^\top P B`.
        stopping: When to stop.

    Raises:
        ValueError: No parameter is linear, or all are.

    Reference:
        Golub and Pereyra, SIAM J. Numer. Anal. 10(2), 1973, 413-432; Kaufman, BIT 15, 1975, 49-57.

    Example:
        >>> from pdenet.optim import ResidualFunction
        >>> rate, factor = (nn.Parameter(torch.tensor([v]).double()) for v in (1.0, 0.0))
        >>> t = torch.linspace(0, 1, 9).double()
        >>> misfit = lambda: factor * torch.exp(-rate * t) - 3 * torch.exp(-2 * t)
        >>> optimizer = ProjectedGaussNewton([rate, factor], [factor])
        >>> while optimizer.stop_reason is None:
        ...     loss = optimizer.step(linearize=ResidualFunction([rate, factor], misfit))
        >>> round(rate.item(), 6), round(factor.item(), 6)
        (2.0, 3.0)
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        linear: Collection[nn.Parameter],
        *,
        damping: float = FIRST,
        stopping: Stopping | None = None,
    ) -> None:
        super().__init__(parameters, stopping or PER_STEP)
        chosen = {id(p) for p in linear}
        self.linear = torch.cat(
            [
                torch.full((p.numel(),), id(p) in chosen, device=p.device)
                for p in self.param_groups[0]["params"]
            ]
        )
        if not 0 < int(self.linear.sum()) < len(self.linear):
            raise ValueError(
                f"Of {len(self.linear)} parameters {int(self.linear.sum())} are linear: variable "
                "projection solves for some and steps in the others. Take levenberg-marquardt."
            )
        self.first, self.damping = damping, math.nan
        self._growth = 2.0
        self._again: Linearize | None = None

    def step(  # type: ignore[override]
        self, closure: Callable[[], Any] | None = None, linearize: Linearize | None = None
    ) -> float:
        """Takes one step.

        Args:
            closure: Not called.
            linearize: Linearizes the objective at the parameters as they are.

        Returns:
            Loss at the new parameters.
        """
        self._again = linearize
        return super().step(closure, linearize)

    def _advance(self, linear: Linearization, x: Tensor) -> float:
        a, b, z = self._split(linear)
        basis = _span(a)[0]
        rest = z - basis @ (basis.T @ z)
        reduced = b - basis @ (basis.T @ b)
        matrix = reduced.T @ reduced
        here, size = 0.5 * float(rest @ rest), float(matrix.norm())
        if math.isnan(self.damping):
            self.damping = self.first * size
        self.damping = max(self.damping, LOWEST * size)
        gradient = rest @ reduced
        solves: Damped = NormalEquations(matrix, gradient)
        if self.damping < SQUARED * size:  # it would be lost in the matrix's round-off
            solves = Orthogonal(reduced, rest, gradient)
        before = self.damping, self._growth
        for attempt in range(ATTEMPTS):
            step = solves.solve(self.damping)
            if step is None:
                self._raise()
                continue
            # Both solves count: where rows are not affine in c, neither keeps its promise alone.
            predicted = linear.loss - here + step.predicted
            if predicted <= NOISE * linear.loss:
                if attempt == 0:
                    self.stop_reason = "converged: no step promises more than round-off"
                break
            loss = self._projected(x, step.d)
            gain = (linear.loss - loss) / predicted
            if gain > GAIN:
                self._lower(gain)
                return loss
            self._raise()
        self.damping, self._growth = before
        return self._linear_alone(linear, x)

    def _linear_alone(self, linear: Linearization, x: Tensor) -> float:
        """The last resort: a solve at the nonlinear parameters as they are."""
        if self.stop_reason is None:
            loss = self._projected(x, x.new_zeros(int((~self.linear).sum())))
            if loss < (1 - GAIN) * linear.loss:
                return loss
            self.stop_reason = "no progress: no damping gave a step that lowers the loss"
        self.objective.place(x)
        return linear.loss

    def _projected(self, x: Tensor, d: Tensor) -> float:
        """Places theta + d with the c solved for there; the loss, infinite where there is none."""
        assert self._again is not None
        moved = x.clone()
        moved[~self.linear] += d
        self.objective.place(moved)
        there = self._again()
        if not (math.isfinite(there.loss) and bool(there.gradient.isfinite().all())):
            return math.inf
        a, _, z = self._split(there)
        basis, inverse = _span(a)
        solved = moved.clone()
        solved[self.linear] -= inverse @ (basis.T @ z)
        loss = self._trial(there, solved)
        if loss <= there.loss:
            return loss
        self.objective.place(moved)
        return there.loss

    def _split(self, linear: Linearization) -> tuple[Tensor, Tensor, Tensor]:
        """Columns of c, columns of theta, rows."""
        jacobian, z = linear.dense()
        if z is None:
            raise ValueError(
                "Variable projection needs residual rows; an energy has none. Take another "
                "optimizer, such as levenberg-marquardt."
            )
        return jacobian[:, self.linear], jacobian[:, ~self.linear], z

    def _lower(self, gain: float) -> None:
        self.damping = lowered(self.damping, gain)
        self._growth = 2.0

    def _raise(self) -> None:
        self.damping *= self._growth
        self._growth *= 2.0

    def _memory(self) -> dict[str, Any]:
        return {"damping": self.damping, "growth": self._growth}

    def _remember(self, memory: dict[str, Any]) -> None:
        self.damping, self._growth = memory["damping"], memory["growth"]


def _span(a: Tensor) -> tuple[Tensor, Tensor]:
    """An orthonormal basis of the columns' span, and what takes it to their coefficients."""
    scale = a.norm(dim=0)
    scale = torch.where(scale > 0, scale, 1.0)
    u, s, vt = torch.linalg.svd(a / scale, full_matrices=False)
    kept = s > CUT * s[0]
    return u[:, kept], (vt[kept].T / s[kept]) / scale[:, None]
