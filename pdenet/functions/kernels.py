"""Covariances of Gaussian random fields, and what their waves weigh."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pdenet.checks import positive

_TINY = 1e-30  # keeps the root's slope finite where points meet


@dataclass(frozen=True)
class Kernel(ABC):
    """A stationary, isotropic covariance of variance one.

    Args:
        length: Correlation length, in the units of the coordinates.

    Raises:
        ValueError: It is not positive and finite.
    """

    length: float

    def __post_init__(self) -> None:
        positive(length=self.length)

    @property
    @abstractmethod
    def spacing(self) -> float:
        """Distance of nodes between which a conditional mean misses a draw by about 1e-3."""

    def __call__(self, x: Any, nodes: Tensor) -> Any:
        """Covariances of points and nodes.

        Args:
            x: Points, shape (n, d); a jet passes too.
            nodes: Shape (k, d).

        Returns:
            Shape (n, k).
        """
        apart = (x.unsqueeze(-2) - nodes) * (1 / self.length)
        return self._of((apart * apart).sum(-1))

    @abstractmethod
    def _of(self, square: Any) -> Any:
        """Covariance at squared distances, in units of the length."""

    @abstractmethod
    def spectrum(self, frequency: Tensor, dimension: int) -> Tensor:
        """Power of waves, up to a factor.

        Args:
            frequency: Angular frequencies, any shape.
            dimension: Number of coordinates.

        Returns:
            The same shape.
        """


@dataclass(frozen=True)
class RBF(Kernel):
    """Squared exponential: draws have all derivatives.

    Args:
        length: Correlation length, in the units of the coordinates.

    Raises:
        ValueError: It is not positive and finite.

    Example:
        >>> RBF(0.5)(torch.zeros(1, 1), torch.zeros(1, 1)).item()
        1.0
    """

    @property
    def spacing(self) -> float:
        """Distance of nodes between which a conditional mean misses a draw by about 1e-3."""
        return self.length / 2

    def _of(self, square: Any) -> Any:
        return torch.exp(-0.5 * square)

    def spectrum(self, frequency: Tensor, dimension: int) -> Tensor:
        """Power of waves, up to a factor.

        Args:
            frequency: Angular frequencies, any shape.
            dimension: Number of coordinates; of no effect.

        Returns:
            The same shape.
        """
        return torch.exp(-0.5 * (self.length * frequency) ** 2)


@dataclass(frozen=True)
class Matern(Kernel):
    """Matern covariance: draws are as smooth as the parameter says.

    Args:
        length: Correlation length, in the units of the coordinates.
        smoothness: 0.5 (continuous draws), 1.5 (once differentiable) or 2.5 (twice).

    Raises:
        ValueError: A number is out of range.

    Reference:
        Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, equations 4.14-4.17.
    """

    smoothness: float = 1.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.smoothness not in (0.5, 1.5, 2.5):
            raise ValueError(f"smoothness={self.smoothness} must be 0.5, 1.5 or 2.5.")

    @property
    def spacing(self) -> float:
        """Distance of nodes between which a conditional mean misses a draw by 1e-3 to 1e-1."""
        return self.length / {0.5: 64, 1.5: 32, 2.5: 16}[self.smoothness]

    def _of(self, square: Any) -> Any:
        r = torch.sqrt(2 * self.smoothness * square + _TINY)
        if self.smoothness == 0.5:
            return torch.exp(-r)
        if self.smoothness == 1.5:
            return (1 + r) * torch.exp(-r)
        return (1 + r + r * r / 3) * torch.exp(-r)

    def spectrum(self, frequency: Tensor, dimension: int) -> Tensor:
        """Power of waves, up to a factor.

        Args:
            frequency: Angular frequencies, any shape.
            dimension: Number of coordinates.

        Returns:
            The same shape.
        """
        scale = math.sqrt(2 * self.smoothness) / self.length
        return (1 + (frequency / scale) ** 2) ** -(self.smoothness + dimension / 2)
