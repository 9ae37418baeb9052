"""Step sizes along a direction that is given: how far, after another part has said where to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from pdenet.optim.checks import positive, require

Loss = Callable[[float], float]
"""The objective at a step length along the direction; infinite where it cannot be evaluated."""


class StepSize(Protocol):
    """A rule for the length of a step."""

    def length(self, loss: Loss, here: float, slope: float, direction: Tensor) -> float:
        """The factor of the direction; 0 where none lowers the objective.

        Args:
            loss: The objective along the direction.
            here: Its value at 0.
            slope: Its derivative at 0, negative.
            direction: Shape (P,).

        Returns:
            At least 0.
        """
        ...


@dataclass(frozen=True)
class Grid:
    """The best of 1, 1/2, 1/4, ..., as energy natural gradients are used.

    Args:
        halvings: Smallest step is two to minus this.

    Raises:
        ValueError: ``halvings`` is negative.

    Reference:
        Mueller and Zeinhofer, arXiv 2302.13163, released scripts.

    Example:
        >>> import torch
        >>> Grid().length(lambda a: (a - 0.3) ** 2, 0.09, -0.6, torch.ones(1))
        0.25
    """

    halvings: int = 30

    def __post_init__(self) -> None:
        require(self, "halvings", self.halvings >= 0, "at least 0")

    def length(self, loss: Loss, here: float, slope: float, direction: Tensor) -> float:
        """The best of the grid; 0 where all are worse than standing still."""
        del slope, direction
        tried = {step: loss(step) for step in (0.5**k for k in range(self.halvings + 1))}
        best = min(tried, key=lambda step: tried[step])
        return best if tried[best] < here else 0.0


@dataclass(frozen=True)
class Armijo:
    """The first of 1, 1/2, 1/4, ... that lowers the objective by a share of what is promised.

    Args:
        share: That share, dimensionless.
        halvings: Smallest step is two to minus this.

    Raises:
        ValueError: A number is out of range.

    Reference:
        Armijo, Pacific J. Math. 16(1), 1966.

    Example:
        >>> import torch
        >>> Armijo().length(lambda a: (a - 0.3) ** 2, 0.09, -0.6, torch.ones(1))
        0.5
    """

    share: float = 1e-4
    halvings: int = 30

    def __post_init__(self) -> None:
        require(self, "share", 0 < self.share < 1, "between 0 and 1")
        require(self, "halvings", self.halvings >= 0, "at least 0")

    def length(self, loss: Loss, here: float, slope: float, direction: Tensor) -> float:
        """The first step that is good enough; 0 where none is."""
        del direction
        steps = (0.5**k for k in range(self.halvings + 1))
        return next((s for s in steps if loss(s) <= here + self.share * s * slope), 0.0)


@dataclass(frozen=True)
class Clipped:
    """A fixed rate, shorter where the step would be longer than a bound; evaluates nothing.

    Args:
        rate: Factor of the direction, dimensionless.
        longest: Largest norm of a step.

    Raises:
        ValueError: A number is not positive.

    Example:
        >>> import torch
        >>> Clipped(rate=0.5, longest=1.0).length(lambda a: 0.0, 0.0, -1.0, 4 * torch.ones(1))
        0.25
    """

    rate: float = 0.1
    longest: float = 1.0

    def __post_init__(self) -> None:
        positive(self, "rate", "longest")

    def length(self, loss: Loss, here: float, slope: float, direction: Tensor) -> float:
        """The rate, or what keeps the step within the bound."""
        del loss, here, slope
        norm = float(direction.norm())
        return min(self.rate, self.longest / norm) if norm > 0 else 0.0
