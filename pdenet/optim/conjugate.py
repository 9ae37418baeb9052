r"""Damped steps without a matrix: conjugate gradients with a Nystrom preconditioner."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.optim.damped import Step

Product = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Nystrom:
    r"""Randomized low-rank approximation :math:`U \Lambda U^\top` of a semidefinite matrix.

    As a preconditioner of the matrix plus damping it moves the large eigenvalues, of which networks
    have few, onto the rest.

    Args:
        basis: U, shape (P, k).
        values: Lambda, from the largest, shape (k,).

    Reference:
        Frangella, Tropp, Udell, SIAM J. Matrix Anal. Appl. 44(2), 2023, algorithm 2.1.
    """

    basis: Tensor
    values: Tensor

    @classmethod
    def of(cls, products: Product, like: Tensor, rank: int, seed: int) -> Nystrom:
        """Sketches a matrix.

        Args:
            products: The matrix times a block of vectors, (P, k) to (P, k).
            like: Vector of shape (P,), whose device and dtype are used.
            rank: k; at most P are taken.
            seed: Of the random directions.

        Returns:
            The approximation.
        """
        generator = torch.Generator().manual_seed(seed)
        size = len(like), min(rank, len(like))
        omega = torch.linalg.qr(torch.randn(size, generator=generator, dtype=torch.float64))[0]
        omega = omega.to(like)
        y = products(omega)
        # A little of the identity keeps the core positive definite; it is taken off again below.
        shift = float(y.norm()) * torch.finfo(y.dtype).eps * math.sqrt(len(like))
        y = y + shift * omega
        core = omega.T @ y
        factor, _ = torch.linalg.cholesky_ex(0.5 * (core + core.T))
        b = torch.linalg.solve_triangular(factor, y.T, upper=False).T
        basis, roots, _ = torch.linalg.svd(b, full_matrices=False)
        return cls(basis, (roots.square() - shift).clamp_min(0))

    def solve(self, r: Tensor, damping: float) -> Tensor:
        """The preconditioner's inverse times a vector, up to a factor that does not matter."""
        inside = r @ self.basis
        scale = (self.values[-1] + damping) / (self.values + damping) - 1
        return r + self.basis @ (scale * inside)


@dataclass
class MatrixFree:
    """Preconditioned conjugate gradients on (J^T J + damping I) d = -g.

    Args:
        product: J^T J times a vector, (P,) to (P,).
        gradient: Shape (P,).
        preconditioner: For J^T J.
        tolerance: Residual of the system at the end, over that at the start.
        iterations: Most products of one solve.
    """

    product: Product
    gradient: Tensor
    preconditioner: Nystrom
    tolerance: float
    iterations: int

    name = "cg"

    def solve(self, damping: float) -> Step | None:
        """The damped step, as good as tolerance and iterations make it.

        Args:
            damping: At least 0.

        Returns:
            The step; None where a product is not finite.
        """
        g = self.gradient
        d, r = torch.zeros_like(g), -g
        y = self.preconditioner.solve(r, damping)
        p, ry = y, float(r @ y)
        enough = self.tolerance * float(r.norm())
        for _ in range(self.iterations):
            ap = self.product(p) + damping * p
            curvature = float(p @ ap)
            if not (math.isfinite(curvature) and curvature > 0):
                break
            d, r = d + (ry / curvature) * p, r - (ry / curvature) * ap
            if float(r.norm()) <= enough:
                break
            y = self.preconditioner.solve(r, damping)
            ry, before = float(r @ y), ry
            p = y + (ry / before) * p
        # J^T J d = -g - r - damping d, since r is what is left of the system.
        predicted = 0.5 * float(damping * (d @ d) - g @ d + r @ d)
        return Step(d, predicted) if math.isfinite(predicted) and bool(d.any()) else None

    def pull_back(self, gradient: Tensor, rows: Tensor) -> Tensor:
        """Nothing: a solve for a small correction would cost as much as the step.

        Args:
            gradient: J^T w, shape (P,).
            rows: w.

        Returns:
            Zeros, shape (P,).
        """
        del rows
        return torch.zeros_like(gradient)
