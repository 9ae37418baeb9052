"""One stretch of training with one optimizer, as frozen data; a sequence of them is a tuple."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from pdenet.optim.checks import require


@dataclass(frozen=True, kw_only=True)
class Phase(ABC):
    """One stretch of training with one optimizer.

    A phase ends after ``steps`` steps, or when its optimizer gives a stop reason; never by the
    clock, so that a resumed run takes the same turns as an uninterrupted one.

    Args:
        steps: Optimizer steps, or None: until the optimizer stops or the run ends.
        resample_every: Points change every so many steps of the phase at most; None leaves it to
            the sampler, or forbids it where the phase needs fixed points.

    Raises:
        ValueError: A number is out of range.
    """

    steps: int | None = None
    resample_every: int | None = None

    def __post_init__(self) -> None:
        require(self, "steps", self.steps is None or self.steps >= 1, "at least 1, or None")
        ok = self.resample_every is None or self.resample_every >= 1
        require(self, "resample_every", ok, "at least 1, or None")

    @property
    @abstractmethod
    def name(self) -> str:
        """What a person calls it, in kebab-case."""

    @property
    def fixed_points(self) -> bool:
        """Whether losses of different steps are compared, so that the points must stay."""
        return False

    @property
    def consumes(self) -> Literal["gradient", "jacobian"]:
        """What its optimizer's ``step`` is given: a closure, or ``linearize=`` besides."""
        return "gradient"

    @abstractmethod
    def build(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        """The optimizer, for these parameters."""

    def build_separated(
        self, parameters: Iterable[nn.Parameter], linear: Callable[[], Sequence[nn.Parameter]]
    ) -> Optimizer:
        """The optimizer, where it can be told which parameters the rows are linear in.

        Args:
            parameters: What is trained.
            linear: Finds those of them that rows are linear in, or nearly so; called if needed.

        Returns:
            The optimizer.
        """
        del linear
        return self.build(parameters)

    def scheduler(self, optimizer: Optimizer) -> LRScheduler | None:
        """The schedule of its learning rate, stepped once a step; None where there is none."""
        return None

    def drawing_step(self, step: int) -> int:
        """The step whose points a step uses, both counted from the start of the phase.

        Args:
            step: Step of the phase, from 0.

        Returns:
            That step itself, or an earlier one where points stay.

        Example:
            >>> from pdenet.optim import LBFGS
            >>> phase = LBFGS(resample_every=100)
            >>> [phase.drawing_step(k) for k in (0, 99, 100, 250)]
            [0, 0, 100, 200]
        """
        if self.resample_every is not None:
            return step - step % self.resample_every
        return 0 if self.fixed_points else step


def stop_reason(optimizer: Optimizer) -> str | None:
    """Why an optimizer gave up in its last step; None while it works, or cannot tell.

    Args:
        optimizer: Any torch optimizer, wrapped by Lightning or not.

    Returns:
        ``"converged: ..."``, ``"no progress: ..."``, or None.
    """
    return getattr(optimizer, "stop_reason", None)


def notes(optimizer: Optimizer) -> list[str]:
    """What an optimizer decided on the way, and why, one sentence each.

    Args:
        optimizer: Any torch optimizer, wrapped by Lightning or not.

    Returns:
        Empty for those that decide nothing.
    """
    return list(getattr(optimizer, "notes", []))


def objective_changed(optimizer: Optimizer) -> None:
    """Tells an optimizer that points or weights changed, so that old losses do not compare.

    Args:
        optimizer: Any torch optimizer; those that remember no loss ignore it.
    """
    notify = getattr(optimizer, "objective_changed", None)
    if notify is not None:
        notify()
