"""Quasi-Newton optimizers: an inverse Hessian, and a strong Wolfe search along it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pdenet.optim.errors import NonFiniteError
from pdenet.optim.line_search import Trial, Wolfe

Closure = Callable[[], Any]


class InverseHessian(Protocol):
    """What a step needs to know of the curvature."""

    @property
    def identity(self) -> bool:
        """Whether nothing is known of the curvature."""
        ...

    def direction(self, gradient: Tensor) -> Tensor:
        """Minus the inverse Hessian times the gradient, shape (n,)."""
        ...

    def update(self, step: float, gradient: Tensor, new_gradient: Tensor) -> bool:
        """Learns from a step along the last direction; whether there was curvature to learn."""
        ...

    def reset(self) -> None:
        """Back to the identity."""
        ...

    def state(self) -> dict[str, Any]:
        """Tensors and plain data."""
        ...

    def load(self, state: dict[str, Any]) -> None:
        """Takes back what :meth:`state` gave."""
        ...


@dataclass(frozen=True)
class Stopping:
    """When a quasi-Newton run says that it is done.

    Args:
        gradient: Converged when no entry of the loss's gradient is larger.
        progress: No progress when ``patience`` iterations lower the loss by a smaller share.
        patience: Those iterations.

    Raises:
        ValueError: A number is negative or patience is below 1.
    """

    gradient: float = 1e-14
    progress: float = 1e-6
    patience: int = 200

    def __post_init__(self) -> None:
        if not (0 <= self.gradient < math.inf and 0 <= self.progress < 1 and self.patience >= 1):
            raise ValueError(
                f"Stopping(gradient={self.gradient}, progress={self.progress}, "
                f"patience={self.patience}): expected gradient >= 0, 0 <= progress < 1, "
                "patience >= 1."
            )


class QuasiNewton(Optimizer):
    """Minimizes along quasi-Newton directions with a strong Wolfe line search, in float64.

    Loss and gradient of the accepted point are kept, so that an iteration costs little more than
    one evaluation. They compare between steps only while the objective stays: call
    :meth:`objective_changed` when points or weights change. Several processes take the same steps
    if the closure gives all of them the same loss and gradients.

    Args:
        parameters: What is trained; one group.
        inverse: Makes the inverse Hessian for a flat gradient.
        iterations: Iterations in one call of :meth:`step`.
        log_loss: Minimize the logarithm of the loss, which must be positive. Same minimizers; the
            line search sees shares of the loss instead of differences.
        wolfe: Line search.
        stopping: When to stop.

    Attributes:
        stop_reason: Why the last step ended early, or None.
        evaluations: Number of closure calls so far.

    Raises:
        ValueError: No parameters, several groups, complex ones, or ``iterations`` below 1.

    Example:
        >>> from pdenet.optim import FactoredInverse
        >>> x = nn.Parameter(torch.tensor([3.0, -2.0]))
        >>> optimizer = QuasiNewton([x], lambda g: FactoredInverse(len(g), "ssbroyden2", g))
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = 0.5 * (x[0] ** 2 + 10 * x[1] ** 2)
        ...     loss.backward()
        ...     return loss
        >>> while optimizer.stop_reason is None:
        ...     loss = optimizer.step(closure)
        >>> bool(loss < 1e-20)
        True
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        inverse: Callable[[Tensor], InverseHessian],
        *,
        iterations: int = 1,
        log_loss: bool = False,
        wolfe: Wolfe | None = None,
        stopping: Stopping | None = None,
    ) -> None:
        super().__init__(parameters, {})
        if len(self.param_groups) != 1 or any(p.is_complex() for p in self._params):
            raise ValueError(
                "A quasi-Newton optimizer takes one group of real parameters; pass "
                "model.parameters()."
            )
        if iterations < 1:
            raise ValueError(f"iterations={iterations} must be at least 1.")
        self.iterations, self.log_loss = iterations, log_loss
        self.wolfe, self.stopping = wolfe or Wolfe(), stopping or Stopping()
        self.inverse = inverse(self._flat(self._params))
        self.stop_reason: str | None = None
        self.evaluations = 0
        self._here: Trial | None = None  # the current point's value and gradient
        self._x: Tensor | None = None  # its parameters
        self._reference, self._since = math.inf, 0  # what progress is measured from

    @property
    def _params(self) -> list[nn.Parameter]:
        return self.param_groups[0]["params"]

    def objective_changed(self) -> None:
        """Points or weights changed: loss and gradient are evaluated anew, curvature is kept."""
        self._here, self._reference, self._since = None, math.inf, 0

    def step(self, closure: Closure) -> float:  # type: ignore[override]
        """Takes up to ``iterations`` iterations.

        Args:
            closure: Clears the gradients, evaluates the loss, sends gradients back, and returns the
                loss.

        Returns:
            Loss at the new parameters.

        Raises:
            NonFiniteError: Loss or gradient at the start is not finite.
            ValueError: The logarithm is to be minimized, but the loss is negative.
        """
        self.stop_reason = None
        before = self.evaluations
        self._arrive(closure)
        for _ in range(self.iterations):
            self._iterate(closure)
            if self.stop_reason is not None:
                break
        if self.evaluations == before:
            closure()  # trainers count on one call a step
        assert self._here is not None
        return self._loss(self._here.value)

    # -- one iteration ---------------------------------------------------------------------

    def _iterate(self, closure: Closure) -> None:
        here, x = self._here, self._x
        assert here is not None
        assert x is not None
        if (reason := self._converged(here)) is not None:
            self.stop_reason = reason
            return
        found = self._search(closure, here, x)
        if found is None and not self.inverse.identity:
            self.inverse.reset()
            found = self._search(closure, here, x)
        if found is None:
            self._place(x)
            self.stop_reason = "no progress: no lower loss along the steepest descent"
            return
        self._x = self._place(x + found.step * self.inverse.direction(here.gradient))
        self.inverse.update(found.step, here.gradient, found.gradient)
        self._here = Trial(0.0, found.value, -math.inf, found.gradient)
        self._watch_progress()

    def _search(self, closure: Closure, here: Trial, x: Tensor) -> Trial | None:
        direction = self.inverse.direction(here.gradient)
        slope = float(here.gradient @ direction)
        if not (slope < 0 and math.isfinite(slope)):
            return None

        def phi(step: float) -> Trial:
            self._place(x + step * direction)
            value, gradient = self._evaluate(closure)
            return Trial(step, value, float(gradient @ direction), gradient)

        return self.wolfe.search(
            phi, Trial(0.0, here.value, slope, here.gradient), self._first(here)
        )

    def _first(self, here: Trial) -> float:
        # The identity knows no scale: start with a step of length at most 1 in the sum norm.
        return min(1.0, 1 / float(here.gradient.abs().sum())) if self.inverse.identity else 1.0

    def _converged(self, here: Trial) -> str | None:
        largest = float(here.gradient.abs().max())
        if self.log_loss:
            largest *= math.exp(here.value)
        if largest <= self.stopping.gradient or here.value == -math.inf:
            return f"converged: largest entry of the gradient is {largest:.1e}"
        return None

    def _watch_progress(self) -> None:
        assert self._here is not None
        loss = self._loss(self._here.value)
        if self._reference == math.inf:
            self._reference = loss
        self._since += 1
        if self._since < self.stopping.patience:
            return
        if self._reference - loss < self.stopping.progress * abs(self._reference):
            self.stop_reason = (
                f"no progress: {self._since} iterations lowered the loss by less than a share of "
                f"{self.stopping.progress:.0e}"
            )
        self._reference, self._since = loss, 0

    # -- parameters, loss and gradient -------------------------------------------------------

    def _arrive(self, closure: Closure) -> None:
        """Makes sure that value and gradient belong to the parameters as they are.

        Raises:
            NonFiniteError: They are not finite.
        """
        x = self._flat(self._params)
        moved = self._x is None or not torch.equal(x, self._x)
        self._x = x
        if self._here is None or moved:
            value, gradient = self._evaluate(closure)
            self._here = Trial(0.0, value, -math.inf, gradient)
        if not (self._here.value < math.inf and bool(self._here.gradient.isfinite().all())):
            what = "The gradient" if math.isfinite(self._here.value) else "The loss"
            self._here = None
            raise NonFiniteError(f"{what} at the start of a quasi-Newton step")

    def _evaluate(self, closure: Closure) -> tuple[float, Tensor]:
        """Value of what is minimized, and its gradient, at the parameters as they are.

        Returns:
            The value, and the gradient as a flat tensor.

        Raises:
            ValueError: A loss whose logarithm is wanted is negative.
        """
        with torch.enable_grad():
            loss = closure()
        loss = float(loss.detach()) if isinstance(loss, Tensor) else float(loss)
        self.evaluations += 1
        grads = [p.grad if p.grad is not None else torch.zeros_like(p) for p in self._params]
        gradient = self._flat(grads)
        if not self.log_loss or not math.isfinite(loss):
            return loss, gradient
        if loss < 0:
            raise ValueError(
                f"log_loss=True needs a positive loss, but it is {loss}; switch it off."
            )
        return (math.log(loss), gradient / loss) if loss > 0 else (-math.inf, gradient)

    def _loss(self, value: float) -> float:
        return math.exp(value) if self.log_loss else value

    @staticmethod
    def _flat(tensors: Iterable[Tensor]) -> Tensor:
        return torch.cat([t.detach().reshape(-1).to(torch.float64) for t in tensors])

    @torch.no_grad()
    def _place(self, x: Tensor) -> Tensor:
        """Writes flat values into the parameters; returns them as the parameters hold them."""
        pieces = x.split([p.numel() for p in self._params])
        for parameter, piece in zip(self._params, pieces, strict=True):
            parameter.copy_(piece.view_as(parameter))
        same = all(p.dtype == torch.float64 for p in self._params)
        return x if same else self._flat(self._params)

    # -- checkpoints ---------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """All that the next step depends on; tensors keep float64 whatever the parameters are."""
        here = self._here
        mine = {
            "inverse": self.inverse.state(),
            "x": self._x,
            "value": None if here is None else here.value,
            "gradient": None if here is None else here.gradient,
            "reference": self._reference,
            "since": self._since,
            "evaluations": self.evaluations,
            "stop_reason": self.stop_reason,
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
        mine = state_dict["state"][0]
        like = self._flat(self._params)
        if mine["x"] is not None and mine["x"].shape != like.shape:
            raise ValueError(
                f"The optimizer's state has {mine['x'].numel()} parameters, the model has "
                f"{like.numel()}; resume with the network that was saved."
            )
        self.inverse.load(dict(mine["inverse"]))
        self._x = None if mine["x"] is None else mine["x"].to(like, copy=True)
        if mine["gradient"] is None:
            self._here = None
        else:
            gradient = mine["gradient"].to(like, copy=True)
            self._here = Trial(0.0, mine["value"], -math.inf, gradient)
        self._reference, self._since = mine["reference"], mine["since"]
        self.evaluations, self.stop_reason = mine["evaluations"], mine["stop_reason"]
