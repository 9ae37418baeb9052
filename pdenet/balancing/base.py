"""What every balance does: turn residuals into weights, remember what it must, give it back."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from pdenet.geometry import Points, Region
from pdenet.tangent import RowSource

GradientNorms = Callable[[], Mapping[str, Tensor]]
"""Norms of the gradients of each condition's own, unweighted loss; a reverse pass for each."""

Reduce = Callable[[Tensor, Literal["sum", "max"]], Tensor]
"""Combines a tensor over all processes."""


def alone(tensor: Tensor, operation: Literal["sum", "max"]) -> Tensor:
    """The reduction over one process: nothing to do."""
    del operation
    return tensor


class Balance(nn.Module, ABC):
    r"""Weights of the conditions in the loss.

    .. math:: L = \tfrac12 \sum_c \operatorname{mean}_i w_{c,i} \sum_k r_{c,i,k}^2

    A weight is a number for a condition, or one for each of its points. No gradient flows through
    weights, and they never depend on weights given earlier for the same residuals. What a balance
    remembers is in its ``state_dict``.

    Args:
        weights: The user's own factors by condition; 1 where none is given.
        every: Steps between updates.

    Attributes:
        needs: What :meth:`weigh` reads: nothing, "residuals", "gradients", "jacobian".
        weights: The last weights by condition, shape () or (n,).
        reduce: Combines tensors over processes; the solver replaces it where there are several.
        shard: This process's number, and how many there are; from the solver too.

    Raises:
        ValueError: A factor is negative or not finite, or ``every`` is below 1.
    """

    needs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, *, weights: Mapping[str, float] | None = None, every: int = 1) -> None:
        super().__init__()
        self.factors = {name: float(value) for name, value in (weights or {}).items()}
        for name, value in self.factors.items():
            if not 0 <= value < math.inf:
                raise ValueError(f"weights[{name!r}]={value} must be at least 0 and finite.")
        if every < 1:
            raise ValueError(f"every={every} must be at least 1.")
        self.every = every
        self.seed = 0
        self.weights: dict[str, Tensor] = {}
        self.reduce: Reduce = alone
        self.shard: tuple[int, int] = (0, 1)
        self.memory: dict[str, Any] = {}
        self._constants: dict[tuple[str, torch.dtype, torch.device], Tensor] = {}

    def bind(self, regions: Mapping[str, Region], seed: int = 0) -> None:
        """Says which conditions there are.

        Args:
            regions: Region of each condition, by the condition's name.
            seed: Whole number that all randomness depends on.

        Raises:
            ValueError: A factor is given for a condition that is not there.
        """
        if unknown := set(self.factors) - set(regions):
            raise ValueError(
                f"weights names {sorted(unknown)}, but the conditions are {sorted(regions)}."
            )
        self.seed = seed

    def attach(self, source: RowSource) -> None:
        """Says what is trained; for balances that look at J themselves.

        Args:
            source: Problem and network.
        """

    @torch.no_grad()
    def weigh(
        self,
        step: int,
        residuals: Mapping[str, Tensor],
        points: Mapping[str, Points],
        gradient_norms: GradientNorms,
    ) -> dict[str, Tensor]:
        """Weights for the loss of this step.

        Args:
            step: Step of the training, from 0.
            residuals: Rows of each condition, shape (n,) or (n, k); (1,) for an integral.
            points: Points of each condition.
            gradient_norms: Gives the gradients' norms; called only when they are needed.

        Returns:
            Weights by condition, shape () or (n,), in the residuals' precision and on their device.
        """
        self._move(next(iter(residuals.values())))
        detached = {name: r.detach() for name, r in residuals.items()}
        found = self.update(step, detached, points, gradient_norms)
        self.weights = {
            name: self._constant(name, r) * found.get(name, 1.0) for name, r in detached.items()
        }
        return self.weights

    @abstractmethod
    def update(
        self,
        step: int,
        residuals: Mapping[str, Tensor],
        points: Mapping[str, Points],
        gradient_norms: GradientNorms,
    ) -> Mapping[str, Tensor | float]:
        """Weights before the user's factors; conditions left out count 1."""

    def due(self, step: int) -> bool:
        """Whether a step updates the weights."""
        return step % self.every == 0

    def losses(self, residuals: Mapping[str, Tensor]) -> Tensor:
        """Each condition's own part of the loss, shape (number of conditions,)."""
        if self.reduce is alone:
            return torch.stack([0.5 / len(r) * r.square().sum() for r in residuals.values()])
        sums = torch.stack([0.5 * r.square().sum() for r in residuals.values()])
        sizes = sums.new_tensor([len(r) for r in residuals.values()])
        return self.reduce(sums, "sum") / self.reduce(sizes, "sum")

    def _constant(self, name: str, like: Tensor) -> Tensor:
        """The user's factor as a tensor, copied to the device once."""
        key = name, like.dtype, like.device
        if key not in self._constants:
            self._constants[key] = like.new_tensor(self.factors.get(name, 1.0))
        return self._constants[key]

    def _move(self, like: Tensor) -> None:
        """Memory follows the residuals, after a resume on another device, for example."""
        for name, value in self.memory.items():
            if isinstance(value, Tensor) and value.device != like.device:
                self.memory[name] = value.to(like.device)

    def get_extra_state(self) -> dict[str, Any]:
        """What is remembered; not buffers, because their sizes change with the points."""
        return dict(self.memory)

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Takes back what :meth:`get_extra_state` gave."""
        self.memory = dict(state)
