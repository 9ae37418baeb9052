r"""What second-order phases consume: the objective's loss, gradient and Jacobian at one place.

For least squares :math:`L = \tfrac12 |z|^2` with rows z and :math:`J = \partial z / \partial
\theta`, so that :math:`g = J^\top z`. An energy has no z: its gradient is its own, and
:math:`J^\top J` is its Gauss-Newton matrix.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass
class Linearization(ABC):
    """An objective and the Jacobian of its rows, at the parameters it was made at.

    Several processes that share the rows are given the same: all rows, and sums over all. Tensors
    are float64.

    Args:
        loss: The objective.
        gradient: Its gradient, shape (P,).
        z: Weighted residual rows with ``loss = 1/2 |z|^2``, shape (N,); None for an energy.
        shape: (N, P).
    """

    loss: float
    gradient: Tensor
    z: Tensor | None
    shape: tuple[int, int]

    @abstractmethod
    def dense(self) -> tuple[Tensor, Tensor | None]:
        """J and z, shapes (N, P) and (N,)."""

    @abstractmethod
    def normal(self) -> Tensor:
        """J^T J, shape (P, P); the caller may write to it."""

    @abstractmethod
    def jvp(self, v: Tensor) -> Tensor:
        """J v, shape (N,)."""

    @abstractmethod
    def vjp(self, w: Tensor) -> Tensor:
        """J^T w, shape (P,)."""

    def products(self, v: Tensor) -> Tensor:
        """J^T J times a block of vectors, (P, k) to (P, k)."""
        return torch.stack([self.vjp(self.jvp(column)) for column in v.T], dim=1)

    @abstractmethod
    def residuals(self) -> Tensor:
        """Z at the parameters as they are now, shape (N,)."""

    @abstractmethod
    def evaluate(self) -> float:
        """The objective at the parameters as they are now, on the same points and weights."""


Linearize = Callable[[], Linearization]
"""Linearizes an objective at the parameters as they are."""


class ResidualFunction:
    r"""Residuals as a function of parameters; a call linearizes half their squared norm by rows.

    For small cases: one reverse pass a row.

    Args:
        parameters: What is trained.
        residuals: Gives z as a function of the parameters, shape (N,).

    Example:
        >>> x = nn.Parameter(torch.tensor([1.0, 2.0], dtype=torch.float64))
        >>> linear = ResidualFunction([x], lambda: torch.stack((x[0] ** 2, 3 * x[1])))()
        >>> linear.loss, linear.normal().tolist()
        (18.5, [[4.0, 0.0], [0.0, 9.0]])
    """

    def __init__(self, parameters: Iterable[nn.Parameter], residuals: Callable[[], Tensor]) -> None:
        self.parameters, self.residuals = list(parameters), residuals

    def __call__(self) -> Linearization:
        """The residuals and their Jacobian at the parameters as they are."""
        with torch.enable_grad():
            z = self.residuals()
            units = torch.eye(len(z), dtype=z.dtype, device=z.device)
            rows = torch.autograd.grad(
                z, self.parameters, units, is_grads_batched=True, materialize_grads=True
            )
        jacobian = torch.cat([part.flatten(1).double() for part in rows], dim=1)
        return DenseRows.of(jacobian, z.detach().double(), self.residuals)


@dataclass
class DenseRows(Linearization):
    """A linearization whose J is at hand.

    Args:
        loss: The objective.
        gradient: Its gradient, shape (P,).
        z: Residual rows, shape (N,).
        shape: (N, P).
        jacobian: J, shape (N, P).
        function: Residual rows at the parameters as they are.
    """

    jacobian: Tensor
    function: Callable[[], Tensor]

    @classmethod
    def of(cls, jacobian: Tensor, z: Tensor, function: Callable[[], Tensor]) -> DenseRows:
        """From J, z and the function that gives z.

        Args:
            jacobian: Shape (N, P).
            z: Shape (N,).
            function: Residual rows at the parameters as they are.

        Returns:
            The linearization.
        """
        n, p = jacobian.shape
        return cls(0.5 * float(z @ z), jacobian.T @ z, z, (n, p), jacobian, function)

    def dense(self) -> tuple[Tensor, Tensor | None]:
        """J and z."""
        return self.jacobian, self.z

    def normal(self) -> Tensor:
        """J^T J."""
        return self.jacobian.T @ self.jacobian

    def jvp(self, v: Tensor) -> Tensor:
        """J v."""
        return self.jacobian @ v

    def vjp(self, w: Tensor) -> Tensor:
        """J^T w."""
        return w @ self.jacobian

    @torch.no_grad()
    def residuals(self) -> Tensor:
        """Z at the parameters as they are now."""
        return self.function().detach().double()

    def evaluate(self) -> float:
        """Half the squared norm of z, now."""
        z = self.residuals()
        return 0.5 * float(z @ z)
