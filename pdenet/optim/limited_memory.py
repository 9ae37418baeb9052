"""Limited-memory BFGS: an inverse Hessian from the last few steps."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


class LimitedMemoryInverse:
    r"""Inverse Hessian of L-BFGS, by the two-loop recursion; ``2 memory n`` numbers.

    Starts each direction from :math:`\gamma I` with :math:`\gamma = s^\top y / y^\top y` of the
    last step.

    Args:
        like: Flat parameters, shape (n,), whose device and dtype are used.
        memory: Number of steps that are remembered.

    Reference:
        Nocedal, Math. Comp. 35 (1980); Liu and Nocedal, Math. Program. 45 (1989).
    """

    def __init__(self, like: Tensor, memory: int) -> None:
        self.memory = memory
        self.steps = like.new_zeros(0, len(like))
        self.changes = like.new_zeros(0, len(like))
        self.learned = 0  # steps ever stored; the next one goes to row ``learned % memory``
        self._last: tuple[Tensor, Tensor] | None = None  # gradient and its direction

    @property
    def identity(self) -> bool:
        """Whether nothing is known of the curvature."""
        return self.learned == 0

    def reset(self) -> None:
        """Forgets all curvature."""
        self.learned, self._last = 0, None
        self.steps, self.changes = self.steps[:0], self.changes[:0]

    def start_from(self, matrix: Tensor, scale: float) -> bool:
        """Refuses: a few steps are all that it stores.

        Args:
            matrix: Not taken.
            scale: Not taken.

        Returns:
            False.
        """
        del matrix, scale
        return False

    def direction(self, gradient: Tensor) -> Tensor:
        """The quasi-Newton direction ``-H g``, shape (n,)."""
        if self._last is None or self._last[0] is not gradient:
            self._last = (gradient, self._two_loops(gradient))
        return self._last[1]

    def _two_loops(self, gradient: Tensor) -> Tensor:
        q = -gradient
        stored = min(self.learned, self.memory)
        order = [k % self.memory for k in range(self.learned - stored, self.learned)]
        products = (self.steps * self.changes).sum(1)
        alphas: dict[int, Tensor] = {}
        for row in reversed(order):
            alphas[row] = (self.steps[row] @ q) / products[row]
            q = torch.addcmul(q, self.changes[row], alphas[row], value=-1)
        if order:
            y = self.changes[order[-1]]
            q = q * (products[order[-1]] / (y @ y))
        for row in order:
            beta = (self.changes[row] @ q) / products[row]
            q = torch.addcmul(q, self.steps[row], alphas[row] - beta)
        return q

    def update(self, step: float, gradient: Tensor, new_gradient: Tensor) -> bool:
        """Learns from a step along the last direction.

        Args:
            step: Step length.
            gradient: Gradient before the step, for which the direction was asked, shape (n,).
            new_gradient: Gradient after it, shape (n,).

        Returns:
            Whether there was positive curvature to learn from.
        """
        s, y = step * self.direction(gradient), new_gradient - gradient
        sy, ss, yy = torch.stack((s @ y, s @ s, y @ y)).tolist()
        if not (sy > 1e-14 * math.sqrt(ss * yy) and math.isfinite(ss) and math.isfinite(yy)):
            return False
        if self.learned < self.memory:
            self.steps = torch.cat((self.steps, s[None]))
            self.changes = torch.cat((self.changes, y[None]))
        else:
            row = self.learned % self.memory
            self.steps[row], self.changes[row] = s, y
        self.learned += 1
        return True

    def state(self) -> dict[str, Any]:
        """All that the next step depends on, as plain data and tensors."""
        return {"steps": self.steps, "changes": self.changes, "learned": self.learned}

    def load(self, state: dict[str, Any]) -> None:
        """Takes back what :meth:`state` gave."""
        self.steps = state["steps"].to(self.steps, copy=True)
        self.changes = state["changes"].to(self.changes, copy=True)
        self.learned, self._last = state["learned"], None
