"""What optimizers that consume a Jacobian share: arrival, trials, stops, notes, state."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from pdenet.optim.errors import NonFiniteError
from pdenet.optim.linearization import Linearization, Linearize
from pdenet.optim.objective import Objective
from pdenet.optim.stopping import Stopping


class JacobianOptimizer(Optimizer, ABC):
    """Steps from a linearization; several processes that get the same one take the same steps.

    Args:
        parameters: What is trained; one group.
        stopping: When to stop.

    Attributes:
        stop_reason: Why the last step ended training, or None.
        notes: What was decided on the way, and why, one sentence each.

    Raises:
        ValueError: Several groups, or complex parameters.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], stopping: Stopping) -> None:
        super().__init__(parameters, {})
        if len(self.param_groups) != 1:
            raise ValueError(
                f"{type(self).__name__} takes one group of parameters, not "
                f"{len(self.param_groups)}."
            )
        self.objective = Objective(self.param_groups[0]["params"])
        self.stopping = stopping
        self.stop_reason: str | None = None
        self.notes: list[str] = []
        self.taken = 0
        self._reference, self._since = math.inf, 0  # loss and steps when last looked at

    def step(  # type: ignore[override]
        self, closure: Callable[[], Any] | None = None, linearize: Linearize | None = None
    ) -> float:
        """Takes one step.

        Args:
            closure: What other optimizers need; not called.
            linearize: Linearizes the objective at the parameters as they are.

        Returns:
            Loss at the new parameters, or, where it is not known, at the old ones.

        Raises:
            NonFiniteError: Loss, gradient or J at the start is not finite.
            ValueError: There is no ``linearize``.
        """
        if linearize is None:
            raise ValueError(
                f"{type(self).__name__} consumes a Jacobian: call step(closure, linearize=...)."
            )
        self.stop_reason = None
        linear = linearize()
        if not math.isfinite(linear.loss):
            raise NonFiniteError("The loss at the start of a second-order step")
        if not bool(linear.gradient.isfinite().all()):
            raise NonFiniteError("The Jacobian of the residuals, or the gradient,")
        x = self.objective.position()
        if len(x) != linear.shape[1]:
            raise ValueError(
                f"J has {linear.shape[1]} columns, but {len(x)} parameters are trained."
            )
        largest = float(linear.gradient.abs().max())
        if largest <= self.stopping.gradient:
            self.stop_reason = f"converged: largest entry of the gradient is {largest:.1e}"
            return linear.loss
        loss = self._advance(linear, x)
        self.taken += 1
        self._watch_progress(loss)
        return loss

    @abstractmethod
    def _advance(self, linear: Linearization, x: Tensor) -> float:
        """Places new parameters and returns the loss there, or a reason to stop in its place."""

    def objective_changed(self) -> None:
        """Points or weights changed: losses do not compare; what is known of curvature stays."""
        self._reference, self._since = math.inf, self.taken

    def _trial(self, linear: Linearization, x: Tensor) -> float:
        """The loss at other parameters, which stay placed; infinite where there is none."""
        self.objective.place(x)
        loss = linear.evaluate()
        return loss if math.isfinite(loss) else math.inf

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _watch_progress(self, loss: float) -> None:
        if self._reference == math.inf:
            self._reference, self._since = loss, self.taken
        if self.taken - self._since < self.stopping.patience:
            return
        share = self.stopping.progress
        if self._reference - loss < share * abs(self._reference) and self.stop_reason is None:
            self.stop_reason = (
                f"no progress: {self.taken - self._since} steps lowered the loss by less than a "
                f"share of {share:.0e}"
            )
        self._reference, self._since = loss, self.taken

    # -- checkpoints ---------------------------------------------------------------------------

    def _memory(self) -> dict[str, Any]:
        """What a subclass remembers beside this, as plain data and tensors."""
        return {}

    def _remember(self, memory: dict[str, Any]) -> None:
        """Takes back what :meth:`_memory` gave."""

    def state_dict(self) -> dict[str, Any]:
        """All that the next step depends on; tensors keep float64 whatever the parameters are."""
        mine = {
            "size": len(self.objective.position()),
            "taken": self.taken,
            "reference": self._reference,
            "since": self._since,
            "stop_reason": self.stop_reason,
            "notes": list(self.notes),
            "memory": self._memory(),
        }
        return super().state_dict() | {"state": {0: mine}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes back what :meth:`state_dict` gave.

        Args:
            state_dict: Its result, for as many parameters.

        Raises:
            ValueError: The state belongs to another number of parameters.
        """
        # The base class would cast float64 to the parameters' precision.
        super().load_state_dict(state_dict | {"state": {}})
        mine, size = state_dict["state"][0], len(self.objective.position())
        if mine["size"] != size:
            raise ValueError(
                f"The optimizer's state has {mine['size']} parameters, the model has {size}; "
                "resume with the network that was saved."
            )
        self.taken, self.notes = mine["taken"], list(mine["notes"])
        self._reference, self._since = mine["reference"], mine["since"]
        self.stop_reason = mine["stop_reason"]
        self._remember(mine["memory"])


def copied(value: Tensor | None, like: Tensor) -> Tensor | None:
    """A tensor of its own, where and as another one is."""
    return None if value is None else value.to(like, copy=True)
