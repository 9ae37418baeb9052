"""Polynomials with random coefficients."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import torch

from pdenet.checks import positive, whole
from pdenet.functions.base import Expansion, bounds, scaled
from pdenet.geometry import Region


class Polynomials(Expansion):
    """Polynomials in one coordinate, brought to [-1, 1], coefficients uniform and independent.

    Args:
        on: Interval on which the functions live.
        degree: Highest degree.
        bound: Coefficients lie between minus this and this.

    Raises:
        ValueError: The region has several coordinates, or numbers are out of range.
    """

    def __init__(self, on: Region, degree: int = 9, bound: float = 1.0) -> None:
        bounds(on)
        if len(on.coordinates) != 1:
            raise ValueError(
                f"{type(self).__name__} has one coordinate; {on.label!r} has {on.coordinates}. "
                "Use GaussianField or WaveField."
            )
        whole(0, degree=degree)
        positive(bound=bound)
        self.on, self.degree, self.bound, self.size = on, degree, bound, degree + 1

    def _draw(self, generator: np.random.Generator) -> np.ndarray:
        return generator.uniform(-self.bound, self.bound, self.size)

    def basis(self, x: Any) -> Any:
        """The polynomials 1, s, ... of the scaled coordinate s.

        Args:
            x: Points, shape (n, 1), float64; a jet passes too.

        Returns:
            Shape (n, degree + 1).
        """
        s = scaled(self.on, x)[..., 0]
        found: list[Any] = [1 + 0 * s, s]
        while len(found) < self.size:
            found.append(self._next(s, found[-1], found[-2]))
        return torch.stack(found[: self.size], dim=-1)

    @abstractmethod
    def _next(self, s: Any, last: Any, before: Any) -> Any:
        """The polynomial after two in sequence."""


class ChebyshevSeries(Polynomials):
    """Sums of Chebyshev polynomials with uniform coefficients.

    Args:
        on: Interval on which the functions live.
        degree: Highest degree.
        bound: Coefficients lie between minus this and this.

    Raises:
        ValueError: The region has several coordinates, or numbers are out of range.

    Example:
        >>> from pdenet.geometry import Interval
        >>> space = ChebyshevSeries(Interval(x=(0, 1)), degree=2)
        >>> space.basis(torch.tensor([[0.0], [1.0]], dtype=torch.float64)).tolist()
        [[1.0, -1.0, 1.0], [1.0, 1.0, 1.0]]
    """

    def _next(self, s: Any, last: Any, before: Any) -> Any:
        return 2 * s * last - before


class PowerSeries(Polynomials):
    """Sums of powers with uniform coefficients.

    Args:
        on: Interval on which the functions live.
        degree: Highest degree.
        bound: Coefficients lie between minus this and this.

    Raises:
        ValueError: The region has several coordinates, or numbers are out of range.
    """

    def _next(self, s: Any, last: Any, before: Any) -> Any:
        return s * last
