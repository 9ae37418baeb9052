"""Levenberg-Marquardt: damped Gauss-Newton steps, the damping steered by how well they went."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn

from pdenet.optim.conjugate import MatrixFree, Nystrom
from pdenet.optim.damped import (
    Algebra,
    Damped,
    Kernel,
    NormalEquations,
    Orthogonal,
    choose,
    lowered,
)
from pdenet.optim.jacobian import JacobianOptimizer, copied
from pdenet.optim.line_search import NOISE
from pdenet.optim.linearization import Linearization
from pdenet.optim.stopping import PER_STEP, Stopping

GAIN = 1e-3  # of the predicted decrease; less is not accepted
ATTEMPTS = 20  # dampings tried in one step: they grow by 2, 4, 8, ... each
LOWEST = 1e-26  # of the matrix; QR of J sees nothing below
SQUARED = 1e-14  # of the matrix; below, normal equations lose the damping in their round-off
FIRST = 1e-3  # of the matrix: the damping to begin with
PROBE = 0.1  # of a step, over which its curvature is measured
BEND = 1.0  # most length of the correction over that of the step, twice


class DampedGaussNewton(JacobianOptimizer):
    r"""Minimizes :math:`L` by steps of :math:`(J^\top J + \mu I) d = -g`, in float64.

    The damping mu falls after steps that lowered the loss about as predicted and rises after
    others (Nielsen's rule). It outlives changes of the points. The matrix is factored by Cholesky
    as long as mu is above its round-off, by QR of J below.

    Args:
        parameters: What is trained; one group.
        damping: First mu, as a share of the norm of J^T J.
        algebra: cholesky, qr, kernel (in the space of the rows), cg (without matrices), or auto:
            by size and damping.
        geodesic: Bend each step along the curvature of z (Transtrum and Sethna, arXiv 1201.5885);
            not with cg.
        rank: Columns of the preconditioner of cg; it is renewed when solves since the last renewal
            took as many products as that, which is what it costs.
        iterations: Most products in one solve by cg.
        tolerance: Residual at which cg ends, relative.
        max_bytes: Bound on the memory of matrices; beyond, auto takes cg.
        stopping: When to stop.

    Reference:
        Nielsen, Damping parameter in Marquardt's method, IMM-REP-1999-05.

    Example:
        >>> import torch
        >>> from pdenet.optim import ResidualFunction
        >>> x = nn.Parameter(torch.tensor([-1.2, 1.0], dtype=torch.float64))
        >>> rosenbrock = lambda: torch.stack((1 - x[0], 10 * (x[1] - x[0] ** 2)))
        >>> optimizer = DampedGaussNewton([x])
        >>> while optimizer.stop_reason is None:
        ...     loss = optimizer.step(linearize=ResidualFunction([x], rosenbrock))
        >>> optimizer.stop_reason[:9], bool((x - 1).abs().max() < 1e-12)
        ('converged', True)
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        *,
        damping: float = FIRST,
        algebra: Algebra = "auto",
        geodesic: bool = True,
        rank: int = 100,
        iterations: int = 100,
        tolerance: float = 1e-2,
        max_bytes: int = 2**31,
        stopping: Stopping | None = None,
    ) -> None:
        super().__init__(parameters, stopping or PER_STEP)
        self.first, self.algebra, self.geodesic = damping, algebra, geodesic
        self.rank, self.iterations, self.tolerance = rank, iterations, tolerance
        self.max_bytes = max_bytes
        self.damping = math.nan  # until the first step, which sees the matrix's norm
        self._growth = 2.0
        self._size = math.inf  # norm of the last J^T J
        self._sketch: Nystrom | None = None
        self._products = 0  # since it was made

    def _advance(self, linear: Linearization, x: Tensor) -> float:
        solves = self._factored(linear)
        if math.isnan(self.damping):
            self.damping = self.first * self._size
        self.damping = max(self.damping, LOWEST * self._size)
        for attempt in range(ATTEMPTS):
            step = solves.solve(self.damping)
            if step is None:
                self._raise()
                continue
            if step.predicted <= NOISE * abs(linear.loss):
                if attempt == 0:
                    self.stop_reason = "converged: no step promises more than round-off"
                break
            loss = self._trial(linear, x + self._bent(linear, x, step.d, solves))
            gain = (linear.loss - loss) / step.predicted
            if gain > GAIN:
                self._lower(gain)
                return loss
            self._raise()
        self.stop_reason = self.stop_reason or (
            f"no progress: no damping up to {self.damping:.0e} gave a step that lowers the loss"
        )
        self.objective.place(x)
        return linear.loss

    # -- damping -------------------------------------------------------------------------------

    def _lower(self, gain: float) -> None:
        self.damping = lowered(self.damping, gain)
        self._growth = 2.0

    def _raise(self) -> None:
        self.damping *= self._growth
        self._growth *= 2.0

    # -- algebra -------------------------------------------------------------------------------

    def _factored(self, linear: Linearization) -> Damped:
        """The linearization, ready for solves, by the algebra that its size and damping ask for."""
        algebra, reason = self._choose(linear)
        self._note(f"{algebra}, since {reason}")
        if algebra == "cg":
            return self._matrix_free(linear)
        if algebra == "cholesky":
            matrix = linear.normal()
            self._size = float(matrix.norm())
            return NormalEquations(matrix, linear.gradient)
        jacobian, z = linear.dense()
        if algebra == "kernel" and z is not None:
            kernel = Kernel(jacobian, z, linear.gradient)
            self._size = float(kernel.kernel.norm())
            return kernel
        found = Orthogonal(jacobian, z, linear.gradient)
        triangle = found.r[:, :-1]
        self._size = float((triangle @ triangle.T).norm())
        return found

    def _choose(self, linear: Linearization) -> tuple[str, str]:
        rows, columns = linear.shape
        energy = linear.z is None
        if self.algebra != "auto":
            if self.algebra == "kernel" and energy:
                return "qr", "the kernel of an energy would divide by the damping"
            return self.algebra, "it was asked for"
        algebra, reason = choose(rows, columns, energy, self.max_bytes)
        lost = self.damping < SQUARED * self._size
        fits = 8 * (2 * rows * columns + 3 * min(rows, columns) ** 2) <= self.max_bytes
        if lost and fits and algebra in {"cholesky", "kernel"}:
            return "qr", (
                f"the damping is below {SQUARED:.0e} of J^T J, where its round-off would hide it"
            )
        return algebra, reason

    def _matrix_free(self, linear: Linearization) -> MatrixFree:
        if self._sketch is None or self._products >= self.rank:
            self._sketch = Nystrom.of(linear.products, linear.gradient, self.rank, self.taken)
            self._products = 0
        self._size = float(self._sketch.values.norm())

        def product(v: Tensor) -> Tensor:
            self._products += 1
            return linear.products(v[:, None])[:, 0]

        return MatrixFree(
            product,
            linear.gradient,
            self._sketch,
            self.tolerance,
            self.iterations,
        )

    def _bent(self, linear: Linearization, x: Tensor, d: Tensor, solves: Damped) -> Tensor:
        """The step with half its geodesic acceleration, where that is short enough to trust."""
        if not self.geodesic or linear.z is None or isinstance(solves, MatrixFree):
            return d
        self.objective.place(x + PROBE * d)
        change = (linear.residuals() - linear.z) / PROBE
        bending = 2 / PROBE * (change - linear.jvp(d))
        a = -solves.pull_back(linear.vjp(bending), bending)
        short = 2 * float(a.norm()) <= BEND * float(d.norm())
        return d + 0.5 * a if short else d

    # -- checkpoints ---------------------------------------------------------------------------

    def _memory(self) -> dict[str, Any]:
        sketch = self._sketch
        return {
            "damping": self.damping,
            "growth": self._growth,
            "size": self._size,
            "products": self._products,
            "sketch": None if sketch is None else (sketch.basis, sketch.values),
        }

    def _remember(self, memory: dict[str, Any]) -> None:
        self.damping, self._growth = memory["damping"], memory["growth"]
        self._size, self._products = memory["size"], memory["products"]
        like = self.objective.position()
        if memory["sketch"] is not None:
            basis, values = (copied(t, like) for t in memory["sketch"])
            assert basis is not None
            assert values is not None
            self._sketch = Nystrom(basis, values)
