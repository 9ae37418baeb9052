"""Phases whose optimizers learn the curvature from gradients."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor, nn

from pdenet.optim.broyden import FactoredInverse, Update
from pdenet.optim.checks import positive, require
from pdenet.optim.limited_memory import LimitedMemoryInverse
from pdenet.optim.line_search import Wolfe
from pdenet.optim.phases import Phase
from pdenet.optim.quasi_newton import InverseHessian, QuasiNewton
from pdenet.optim.stopping import Stopping


@dataclass(frozen=True, kw_only=True)
class QuasiNewtonPhase(Phase):
    """What the quasi-Newton phases share.

    Args:
        steps: Optimizer steps, or None: until the optimizer stops or the run ends.
        resample_every: Points change every so many steps; None keeps them for the whole phase.
        iterations: Iterations in one optimizer step.
        log_loss: Minimize the logarithm of the loss.
        wolfe: Line search.
        stopping: When to stop.

    Raises:
        ValueError: A number is out of range.
    """

    iterations: int = 1
    log_loss: bool = False
    wolfe: Wolfe = field(default_factory=Wolfe)
    stopping: Stopping = field(default_factory=Stopping)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, "iterations", self.iterations >= 1, "at least 1")

    @property
    def fixed_points(self) -> bool:
        """Yes: differences of gradients are curvature only where the points stay."""
        return True

    def build(self, parameters: Iterable[nn.Parameter]) -> QuasiNewton:
        """The optimizer, for these parameters."""
        return QuasiNewton(
            parameters,
            self.inverse,
            iterations=self.iterations,
            log_loss=self.log_loss,
            wolfe=self.wolfe,
            stopping=self.stopping,
        )

    @abstractmethod
    def inverse(self, like: Tensor) -> InverseHessian:
        """The inverse Hessian that it learns, for flat parameters ``like``."""


@dataclass(frozen=True, kw_only=True)
class LBFGS(QuasiNewtonPhase):
    """L-BFGS with a strong Wolfe line search, in float64.

    Args:
        steps: Optimizer steps, or None: until the optimizer stops or the run ends.
        resample_every: Points change every so many steps; None keeps them for the whole phase.
        iterations: Iterations in one optimizer step.
        log_loss: Minimize the logarithm of the loss.
        wolfe: Line search.
        stopping: When to stop.
        memory: Number of steps that are remembered.

    Raises:
        ValueError: A number is out of range.
    """

    memory: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, "memory", self.memory >= 1, "at least 1")

    @property
    def name(self) -> str:
        """What a person calls it."""
        return "lbfgs"

    def inverse(self, like: Tensor) -> InverseHessian:
        """The last steps."""
        return LimitedMemoryInverse(like, self.memory)


@dataclass(frozen=True, kw_only=True)
class Broyden(QuasiNewtonPhase):
    """Dense quasi-Newton method of the (self-scaled) Broyden family, in float64.

    Args:
        steps: Optimizer steps, or None: until the optimizer stops or the run ends.
        resample_every: Points change every so many steps; None keeps them for the whole phase.
        iterations: Iterations in one optimizer step.
        log_loss: Minimize the logarithm of the loss.
        wolfe: Line search.
        stopping: When to stop.
        update: bfgs, ssbfgs (scaling of Al-Baali), ssbfgs-ol (of Oren and Luenberger), ssbroyden1
            or ssbroyden2.
        start: From the identity, or from the damped Gauss-Newton inverse, which costs one Jacobian.
        damping: Added to the Gauss-Newton matrix, relative to its norm.
        largest: Most parameters allowed; memory is 8 bytes times their square.

    Raises:
        ValueError: A number is out of range.
    """

    update: Update = "ssbroyden2"
    start: Literal["identity", "gauss-newton"] = "identity"
    damping: float = 1e-8
    largest: int = 20_000

    def __post_init__(self) -> None:
        super().__post_init__()
        choices = ("bfgs", "ssbfgs", "ssbfgs-ol", "ssbroyden1", "ssbroyden2")
        require(self, "update", self.update in choices, f"one of {', '.join(choices)}")
        starts = ("identity", "gauss-newton")
        require(self, "start", self.start in starts, f"one of {', '.join(starts)}")
        positive(self, "damping")

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self.update

    @property
    def consumes(self) -> Literal["gradient", "jacobian"]:
        """A Jacobian where it starts from one."""
        return "jacobian" if self.start == "gauss-newton" else "gradient"

    def build(self, parameters: Iterable[nn.Parameter]) -> QuasiNewton:
        """The optimizer, for these parameters."""
        optimizer = super().build(parameters)
        optimizer.damping = self.damping
        return optimizer

    def inverse(self, like: Tensor) -> InverseHessian:
        """A dense factor.

        Args:
            like: Flat parameters.

        Returns:
            The identity, to begin with.

        Raises:
            ValueError: There are more parameters than ``largest``.
        """
        if len(like) > self.largest:
            raise ValueError(
                f"{self.name} keeps a dense matrix for {len(like)} parameters, "
                f"{8 * len(like) ** 2 / 2**30:.0f} GiB; take lbfgs, a smaller network, or raise "
                f"largest={self.largest}."
            )
        return FactoredInverse(like, self.update)
