r"""Damped least squares, :math:`\min_d |J d + z|^2 + \mu |d|^2`, by several kinds of algebra.

The same step comes from the normal equations :math:`(J^\top J + \mu I) d = -g` (Cholesky, cheap,
but it squares the condition number), from QR of J (does not), or from the kernel
:math:`d = -J^\top (J J^\top + \mu I)^{-1} z` (cheap where there are fewer rows than parameters).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

Algebra = Literal["auto", "cholesky", "qr", "kernel", "cg"]


@dataclass(frozen=True)
class Step:
    """A step, and what the quadratic model expects of it.

    Args:
        d: What is added to the parameters, shape (P,).
        predicted: By how much the model of the objective falls, without the damping's own term.
    """

    d: Tensor
    predicted: float


class Damped(Protocol):
    """One linearization, ready for solves with any damping."""

    name: str

    def solve(self, damping: float) -> Step | None:
        """The damped step; None where the system is singular to working precision."""
        ...

    def pull_back(self, gradient: Tensor, rows: Tensor) -> Tensor:
        """The last damped inverse times J^T w, from whichever of J^T w and w it needs."""
        ...


def lowered(damping: float, gain: float) -> float:
    """The damping after a step that lowered the objective, by Nielsen's rule.

    Args:
        damping: Before.
        gain: What the objective fell by, over what was predicted; positive.

    Returns:
        A third where the model held, more than before where it promised twice as much.
    """
    return damping * max(1 / 3, 1 - (2 * min(gain, 1.0) - 1) ** 3)


def _step(d: Tensor, gradient: Tensor, damping: float) -> Step | None:
    """Exact solves satisfy d . A d = -d . g - damping d . d, which gives the model's decrease."""
    predicted = 0.5 * float(damping * (d @ d) - gradient @ d)
    return Step(d, predicted) if math.isfinite(predicted) else None


class NormalEquations:
    """Cholesky of J^T J + damping I.

    Args:
        matrix: J^T J, shape (P, P).
        gradient: Shape (P,).
    """

    name = "cholesky"

    def __init__(self, matrix: Tensor, gradient: Tensor) -> None:
        self.matrix, self.gradient = matrix, gradient
        self._factor: Tensor | None = None

    def solve(self, damping: float) -> Step | None:
        """The damped step; None where the matrix is not positive definite in round-off.

        Args:
            damping: At least 0.

        Returns:
            The step, or None.
        """
        shifted = self.matrix.clone()
        shifted.diagonal().add_(damping)
        factor, trouble = torch.linalg.cholesky_ex(shifted)
        if trouble:
            return None
        self._factor = factor
        return _step(-_cholesky_solve(factor, self.gradient), self.gradient, damping)

    def pull_back(self, gradient: Tensor, rows: Tensor) -> Tensor:
        """The last damped inverse times J^T w.

        Args:
            gradient: J^T w, shape (P,).
            rows: Not needed.

        Returns:
            Shape (P,).
        """
        del rows
        assert self._factor is not None
        return _cholesky_solve(self._factor, gradient)


class Orthogonal:
    """QR of J with sqrt(damping) I below it: the condition number of J, not its square.

    Args:
        jacobian: J, shape (N, P).
        z: Rows, shape (N,); None for an energy.
        gradient: Shape (P,).

    Reference:
        Bjorck, Numerical Methods for Least Squares Problems, SIAM 1996, sections 2.4 and 2.7.
    """

    name = "qr"

    def __init__(self, jacobian: Tensor, z: Tensor | None, gradient: Tensor) -> None:
        self.gradient, self.basis = gradient, None
        if z is not None and jacobian.shape[0] < jacobian.shape[1]:
            # The step lies in the span of the rows.
            self.basis, r = torch.linalg.qr(jacobian.T)
            jacobian = r.T
        right = jacobian.new_zeros(len(jacobian)) if z is None else z
        self.energy = z is None
        # z comes along as a further column, so that Q is never formed.
        self.r = torch.linalg.qr(torch.cat((jacobian, right[:, None]), dim=1), mode="r").R
        self._factor: Tensor | None = None

    def solve(self, damping: float) -> Step | None:
        """The damped step; None where J has no full rank in round-off and there is no damping.

        Args:
            damping: At least 0.

        Returns:
            The step, or None.
        """
        k = self.r.shape[1] - 1
        below = self.r.new_zeros(k, k + 1)
        below.diagonal().fill_(math.sqrt(damping))
        r = torch.linalg.qr(torch.cat((self.r, below)), mode="r").R
        factor = r[:k, :k]
        if not bool((factor.diagonal() != 0).all()):
            return None
        self._factor = factor
        if self.energy:
            return _step(-self._apply(self.gradient), self.gradient, damping)
        y = -torch.linalg.solve_triangular(factor, r[:k, k:], upper=True)[:, 0]
        return _step(y if self.basis is None else self.basis @ y, self.gradient, damping)

    def pull_back(self, gradient: Tensor, rows: Tensor) -> Tensor:
        """The last damped inverse times J^T w.

        Args:
            gradient: J^T w, shape (P,).
            rows: Not needed.

        Returns:
            Shape (P,).
        """
        del rows
        return self._apply(gradient)

    def _apply(self, vector: Tensor) -> Tensor:
        """By the triangle twice: as exact as normal equations, which a correction can afford."""
        assert self._factor is not None
        right = vector if self.basis is None else vector @ self.basis
        first = torch.linalg.solve_triangular(self._factor.T, right[:, None], upper=False)
        y = torch.linalg.solve_triangular(self._factor, first, upper=True)[:, 0]
        return y if self.basis is None else self.basis @ y


class Kernel:
    """Cholesky of J J^T + damping I, in the space of the rows.

    Args:
        jacobian: J, shape (N, P).
        z: Rows, shape (N,).
        gradient: Shape (P,).

    Reference:
        ENGD-W: Guzman-Cordero et al., arXiv 2505.12149.
    """

    name = "kernel"

    def __init__(self, jacobian: Tensor, z: Tensor, gradient: Tensor) -> None:
        self.jacobian, self.z, self.gradient = jacobian, z, gradient
        self.kernel = jacobian @ jacobian.T
        self._factor: Tensor | None = None

    def solve(self, damping: float) -> Step | None:
        """The damped step; None where the matrix is not positive definite in round-off.

        Args:
            damping: At least 0.

        Returns:
            The step, or None.
        """
        shifted = self.kernel.clone()
        shifted.diagonal().add_(damping)
        factor, trouble = torch.linalg.cholesky_ex(shifted)
        if trouble:
            return None
        self._factor = factor
        d = -_cholesky_solve(factor, self.z) @ self.jacobian
        return _step(d, self.gradient, damping)

    def pull_back(self, gradient: Tensor, rows: Tensor) -> Tensor:
        """The last damped inverse times J^T w.

        Args:
            gradient: Not needed.
            rows: w, shape (N,).

        Returns:
            Shape (P,).
        """
        del gradient
        assert self._factor is not None
        return _cholesky_solve(self._factor, rows) @ self.jacobian


def _cholesky_solve(factor: Tensor, vector: Tensor) -> Tensor:
    return torch.cholesky_solve(vector[:, None], factor)[:, 0]


def choose(rows: int, columns: int, energy: bool, max_bytes: int) -> tuple[str, str]:
    """The cheapest algebra that fits in memory.

    Args:
        rows: N.
        columns: P.
        energy: Whether there is no z, so that the kernel would divide by the damping.
        max_bytes: Bound on the memory of matrices.

    Returns:
        ``"cholesky"``, ``"kernel"`` or ``"cg"``, and the reason in words.

    Example:
        >>> choose(3000, 1297, False, 2**31)
        ('cholesky', '1297 parameters are fewer than 3000 rows')
    """
    square = 8 * 3 * columns**2  # the matrix, its damped copy and its factor
    kernel = 8 * (3 * rows**2 + 2 * rows * columns)
    in_rows = not energy and kernel <= max_bytes
    if columns <= rows and square <= max_bytes:
        return "cholesky", f"{columns} parameters are fewer than {rows} rows"
    if in_rows:
        return "kernel", f"{rows} rows are fewer than {columns} parameters"
    if square <= max_bytes:
        return "cholesky", f"the matrix of {columns} parameters fits in memory"
    return "cg", (
        f"dense matrices of {columns} parameters or {rows} rows take "
        f"{min(square, kernel) / 2**30:.1f} GiB, more than the {max_bytes / 2**30:.1f} GiB allowed"
    )
