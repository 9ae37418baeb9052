r"""Directions of natural gradients: what the Jacobian makes of the gradient.

All solve :math:`(J^\top J + \lambda I) d = -g`: with lambda = 0 in the sense of least squares
(energy natural gradient), in the space of the rows where that is smaller (ENGD-W), and with the
last direction carried over (SPRING).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from pdenet.optim.damped import Damped, Kernel, NormalEquations, Orthogonal, choose
from pdenet.optim.errors import NonFiniteError
from pdenet.optim.jacobian import copied
from pdenet.optim.linearization import Linearization


class Direction(ABC):
    """What is added to the parameters, up to a step size; may remember earlier ones."""

    @abstractmethod
    def of(self, linear: Linearization) -> Tensor:
        """The direction, shape (P,)."""

    def memory(self) -> dict[str, Any]:
        """What it remembers, as plain data and tensors."""
        return {}

    def remember(self, memory: dict[str, Any], like: Tensor) -> None:
        """Takes back what :meth:`memory` gave; tensors as ``like`` is."""
        del memory, like


class PseudoInverse(Direction):
    r""":math:`d = -J^+ z`, or :math:`-(J^\top J)^+ g` for an energy, by SVD of J.

    Args:
        cutoff: Singular values below this share of the largest count as zero.

    Reference:
        Mueller and Zeinhofer, arXiv 2302.13163.
    """

    def __init__(self, cutoff: float) -> None:
        self.cutoff = cutoff

    def of(self, linear: Linearization) -> Tensor:
        """The direction, of least norm where several are equally good."""
        jacobian, z = linear.dense()
        u, s, vt = torch.linalg.svd(jacobian, full_matrices=False)
        kept = s > self.cutoff * s[0]
        inverse = torch.where(kept, s, 1).reciprocal() * kept
        if z is None:
            return -(inverse.square() * (vt @ linear.gradient)) @ vt
        return -(inverse * (z @ u)) @ vt


class Ridge(Direction):
    r""":math:`d = -(J^\top J + \lambda I)^{-1} g`, in the smaller of the two spaces.

    Args:
        damping: lambda, absolute: residuals are taken to be scaled.
        max_bytes: Bound on the memory of matrices.
    """

    def __init__(self, damping: float, max_bytes: int) -> None:
        self.damping, self.max_bytes = damping, max_bytes

    def of(self, linear: Linearization) -> Tensor:
        """The direction."""
        return self.solved(linear, None)

    def solved(self, linear: Linearization, before: Tensor | None) -> Tensor:
        """The direction for rows and gradient that a vector would change.

        Args:
            linear: The linearization.
            before: v, shape (P,): rows become z + J v, the gradient g + J^T J v; None for 0.

        Returns:
            Shape (P,).

        Raises:
            NonFiniteError: The matrix is singular in spite of the damping.
            ValueError: No matrix fits in memory.
        """
        rows, columns = linear.shape
        algebra, reason = choose(rows, columns, linear.z is None, self.max_bytes)
        if algebra == "cg":
            raise ValueError(f"{reason}; take gauss-newton-cg, or raise max_bytes.")
        make = self._kernel if algebra == "kernel" else self._normal
        step = make(linear, before).solve(self.damping)
        if step is None:
            # The damping is lost in the round-off of the square of J; QR of J itself sees it.
            step = self._orthogonal(linear, before).solve(self.damping)
        if step is None:
            raise NonFiniteError(
                f"The step, for J^T J + {self.damping:.1e} I is singular in round-off, and",
                "Use a larger damping.",
            )
        return step.d

    def _kernel(self, linear: Linearization, before: Tensor | None) -> Damped:
        jacobian, z = _moved(linear, before)
        assert z is not None
        return Kernel(jacobian, z, z @ jacobian)

    def _orthogonal(self, linear: Linearization, before: Tensor | None) -> Damped:
        jacobian, z = _moved(linear, before)
        gradient = (
            linear.gradient
            if before is None
            else linear.gradient + linear.products(before[:, None])[:, 0]
        )
        return Orthogonal(jacobian, z, gradient)

    def _normal(self, linear: Linearization, before: Tensor | None) -> Damped:
        matrix = linear.normal()
        gradient = linear.gradient if before is None else linear.gradient + matrix @ before
        return NormalEquations(matrix, gradient)


def _moved(linear: Linearization, before: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """J, and z + J v."""
    jacobian, z = linear.dense()
    return jacobian, z if z is None or before is None else z + jacobian @ before


class Spring(Ridge):
    r"""Ridge with momentum: the last direction stays where the new rows say nothing.

    .. math:: \varphi_k = \mu \varphi_{k-1} + J^\top (J J^\top + \lambda I)^{-1}
        (z - \mu J \varphi_{k-1}), \qquad d = -\varphi_k / \sqrt{1 - \mu^{2k}}

    Args:
        damping: lambda.
        momentum: mu.
        max_bytes: Bound on the memory of matrices.

    Reference:
        Goldshlager, Abrahamsen, Lin, J. Comput. Phys. 516, 2024; for networks that solve PDEs with
        the bias correction Guzman-Cordero et al., arXiv 2505.12149.
    """

    def __init__(self, damping: float, momentum: float, max_bytes: int) -> None:
        super().__init__(damping, max_bytes)
        self.momentum = momentum
        self.last: Tensor | None = None  # minus phi
        self.count = 0

    def of(self, linear: Linearization) -> Tensor:
        """The direction; remembered."""
        kept = None if self.last is None else self.momentum * self.last
        found = self.solved(linear, kept)
        self.last = found if kept is None else found + kept
        self.count += 1
        return self.last / (1 - self.momentum ** (2 * self.count)) ** 0.5

    def memory(self) -> dict[str, Any]:
        """The last direction and how many there were."""
        return {"last": self.last, "count": self.count}

    def remember(self, memory: dict[str, Any], like: Tensor) -> None:
        """Takes back what :meth:`memory` gave.

        Args:
            memory: Its result.
            like: Vector whose device and dtype are taken.
        """
        self.last, self.count = copied(memory["last"], like), memory["count"]
