"""Quasi-Newton optimizers: an inverse Hessian, and a strong Wolfe search along it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pdenet.optim.errors import NonFiniteError
from pdenet.optim.line_search import Trial, Wolfe
from pdenet.optim.linearization import Linearization, Linearize
from pdenet.optim.objective import Closure, Objective
from pdenet.optim.stopping import Stopping


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

    def start_from(self, matrix: Tensor, scale: float) -> bool:
        """Begins with a multiple of a matrix's inverse; whether that was possible."""
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


class QuasiNewton(Optimizer):
    """Minimizes along quasi-Newton directions with a strong Wolfe line search, in float64.

    Loss and gradient of the accepted point are kept, so that an iteration costs little more than
    one evaluation. They compare between steps only while the objective stays: call
    :meth:`objective_changed` when points or weights change. Several processes take the same steps
    if the closure gives all of them the same loss and gradients.

    Args:
        parameters: What is trained; one group.
        inverse: Makes the inverse Hessian, for flat parameters.
        iterations: Iterations in one call of :meth:`step`.
        log_loss: Minimize the logarithm of the loss, which must be positive. Same minimizers; the
            line search sees shares of the loss instead of differences.
        wolfe: Line search.
        stopping: When to stop.
        damping: Added to the Gauss-Newton matrix that it may start from, relative to its norm.

    Attributes:
        stop_reason: Why the last step ended early, or None.
        notes: What was decided on the way, and why.

    Raises:
        ValueError: Several groups, complex parameters, or ``iterations`` below 1.

    Example:
        >>> from pdenet.optim import FactoredInverse
        >>> x = nn.Parameter(torch.tensor([3.0, -2.0]))
        >>> optimizer = QuasiNewton([x], lambda like: FactoredInverse(like, "ssbroyden2"))
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
        damping: float = 1e-8,
    ) -> None:
        super().__init__(parameters, {})
        if len(self.param_groups) != 1 or iterations < 1:
            raise ValueError(
                f"A quasi-Newton optimizer takes one group of parameters, not "
                f"{len(self.param_groups)}, and at least one iteration a step, not {iterations}."
            )
        self.objective = Objective(self.param_groups[0]["params"], log_loss)
        self.iterations = iterations
        self.wolfe, self.stopping = wolfe or Wolfe(), stopping or Stopping()
        self.inverse = inverse(self.objective.position())
        self.stop_reason: str | None = None
        self._x: Tensor | None = None  # parameters that the rest belongs to
        self._here: Trial | None = None  # value and gradient there
        self._before = math.inf  # value one iteration earlier
        self._reference, self._since = math.inf, 0  # loss and evaluations when last looked at
        self.damping = damping
        self.notes: list[str] = []

    @property
    def evaluations(self) -> int:
        """Number of closure calls so far."""
        return self.objective.evaluations

    def objective_changed(self) -> None:
        """Points or weights changed: the loss is evaluated anew, what is known of curvature stays.

        The inverse Hessian is positive definite by its form, so it remains a good start.
        """
        self._here, self._before = None, math.inf
        self._reference, self._since = math.inf, 0

    def step(  # type: ignore[override]
        self, closure: Closure, linearize: Linearize | None = None
    ) -> float:
        """Takes up to ``iterations`` iterations.

        Args:
            closure: Clears the gradients, evaluates the loss, sends gradients back, and returns the
                loss.
            linearize: Where given, a start without knowledge of curvature is replaced by the damped
                Gauss-Newton inverse.

        Returns:
            Loss at the new parameters.

        Raises:
            NonFiniteError: Loss or gradient at the start is not finite.
            ValueError: The logarithm is to be minimized, but the loss is negative.
        """
        self.stop_reason = None
        before = self.evaluations
        here = self._arrive(closure)
        if linearize is not None and self.inverse.identity:
            self._start_from(linearize(), here)
        for _ in range(self.iterations):
            here = self._iterate(closure, here)
            if self.stop_reason is not None:
                break
        if self.evaluations == before:
            self.objective.evaluate(closure)  # trainers count on one call a step
        return self.objective.loss(here.value)

    # -- one iteration ---------------------------------------------------------------------

    def _arrive(self, closure: Closure) -> Trial:
        """Value and gradient at the parameters as they are, evaluated only if not known.

        Returns:
            Both, as a trial of step 0.

        Raises:
            NonFiniteError: They are not finite.
        """
        x = self.objective.position()
        if self._x is None or not torch.equal(x, self._x):
            self.objective_changed()
        self._x = x
        if self._here is None:
            self._here = _at_rest(*self.objective.evaluate(closure))
        here = self._here
        if not (here.value < math.inf and bool(here.gradient.isfinite().all())):
            self._here = None
            what = "The gradient" if math.isfinite(here.value) else "The loss"
            raise NonFiniteError(f"{what} at the start of a quasi-Newton step")
        return here

    def _start_from(self, linear: Linearization, here: Trial) -> None:
        """Curvature from the Jacobian: A^-1, or L A^-1 where the logarithm of L is minimized."""
        matrix = linear.normal()
        size = float(matrix.norm())
        if not (size > 0 and math.isfinite(size)):
            return
        matrix.diagonal().add_(self.damping * size)
        scale = self.objective.loss(here.value) if self.objective.log else 1.0
        if scale > 0 and self.inverse.start_from(matrix, scale):
            self.notes.append("starts from the damped Gauss-Newton inverse")

    def _iterate(self, closure: Closure, here: Trial) -> Trial:
        x = self._x
        assert x is not None
        largest = self.objective.largest_slope(here.value, here.gradient)
        if largest <= self.stopping.gradient:
            self.stop_reason = f"converged: largest entry of the gradient is {largest:.1e}"
            return here
        found = self._search(closure, here, x)
        if found is None and not self.inverse.identity:
            self.inverse.reset()
            found = self._search(closure, here, x)
        if found is None:
            self._x = self.objective.place(x)
            self.stop_reason = "no progress: no lower loss along the steepest descent"
            return here
        self._x = self.objective.place(x + found.step * self.inverse.direction(here.gradient))
        self.inverse.update(found.step, here.gradient, found.gradient)
        self._before, self._here = here.value, _at_rest(found.value, found.gradient)
        self._watch_progress(self.objective.loss(found.value))
        return self._here

    def _search(self, closure: Closure, here: Trial, x: Tensor) -> Trial | None:
        direction = self.inverse.direction(here.gradient)
        slope = float(here.gradient @ direction)
        if not (slope < 0 and math.isfinite(slope)):
            return None

        def phi(step: float) -> Trial:
            self.objective.place(x + step * direction)
            value, gradient = self.objective.evaluate(closure)
            return Trial(step, value, float(gradient @ direction), gradient)

        start = Trial(0.0, here.value, slope, here.gradient)
        return self.wolfe.search(phi, start, self._first_step(start))

    def _first_step(self, start: Trial) -> float:
        """Step to try first: where a parabola with the last decrease has its minimum, at most 1.

        Self-scaled directions are often too long. Trying 1 always took 1.7 evaluations an iteration
        in trials, this takes 1.03, with as much decrease an iteration.

        Returns:
            A positive step length.
        """
        if self.inverse.identity:
            # The identity knows no scale: a step of length at most 1 in the sum norm.
            return min(1.0, 1 / float(start.gradient.abs().sum()))
        step = 2.02 * (self._before - start.value) / -start.slope
        return min(1.0, step) if step > 0 else 1.0

    def _watch_progress(self, loss: float) -> None:
        if self._reference == math.inf:
            self._reference, self._since = loss, self.evaluations
        used = self.evaluations - self._since
        if used < self.stopping.patience:
            return
        share = self.stopping.progress
        if self._reference - loss < share * abs(self._reference):
            self.stop_reason = (
                f"no progress: {used} evaluations lowered the loss by less than a share of "
                f"{share:.0e}"
            )
        self._reference, self._since = loss, self.evaluations

    # -- checkpoints ---------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """All that the next step depends on; tensors keep float64 whatever the parameters are."""
        here = self._here
        mine = {
            "inverse": self.inverse.state(),
            "x": self._x,
            "value": None if here is None else here.value,
            "gradient": None if here is None else here.gradient,
            "before": self._before,
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
        like = self.objective.position()
        x, gradient = (
            None if mine[name] is None else mine[name].to(like, copy=True)
            for name in ("x", "gradient")
        )
        if x is not None and x.shape != like.shape:
            raise ValueError(
                f"The optimizer's state has {x.numel()} parameters, the model has {like.numel()}; "
                "resume with the network that was saved."
            )
        self.inverse.load(mine["inverse"])
        self._x = x
        self._here = None if gradient is None else _at_rest(mine["value"], gradient)
        self._before = mine["before"]
        self._reference, self._since = mine["reference"], mine["since"]
        self.objective.evaluations = mine["evaluations"]
        self.stop_reason = mine["stop_reason"]


def _at_rest(value: float, gradient: Tensor) -> Trial:
    """A point from which no direction is chosen yet."""
    return Trial(0.0, value, math.nan, gradient)
