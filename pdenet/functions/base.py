"""What every space of functions offers: draws that can be evaluated anywhere, again and again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pdenet.geometry import Region
from pdenet.geometry.names import check_names

TEST_SEED = 7_919  # functions that nothing is trained on, the same for every run


class Functions(ABC):
    """Some functions of the same coordinates, evaluated together.

    Attributes:
        coordinates: Names of their arguments, the columns of ``x``.
        everywhere: Whether they have a value at every point.
    """

    coordinates: tuple[str, ...]
    everywhere: bool = True

    @abstractmethod
    def __len__(self) -> int:
        """Number of functions."""

    @abstractmethod
    def __getitem__(self, index: slice | Sequence[int]) -> Functions:
        """Some of them."""

    @abstractmethod
    def _evaluate(self, x: Any) -> Any:
        """Values (n, m) at float64 points (n, d); jets pass through as tensors do."""

    def __call__(self, x: Any) -> Any:
        """Values at points, each function at each point.

        Computed in float64 whatever the precision of the points, since series of small
        coefficients lose digits.

        Args:
            x: Points, shape (n, d), one column a coordinate; a jet passes too.

        Returns:
            Shape (n, m), one column a function, in the precision of ``x`` and on its device.
        """
        values = self._evaluate(x.to(device="cpu", dtype=torch.float64))
        return values.to(device=x.device, dtype=x.dtype)

    def paired(self, x: Tensor) -> Tensor:
        """Values at points of each function's own.

        Args:
            x: Points, shape (m, n, d).

        Returns:
            Shape (m, n).

        Raises:
            ValueError: There are not as many sets of points as functions.
        """
        if len(x) != len(self):
            raise ValueError(f"{len(x)} sets of points came for {len(self)} functions.")
        return torch.stack([self[[i]](points)[:, 0] for i, points in enumerate(x)])


class FunctionSpace(ABC):
    """A law of random functions.

    A draw is a vector of coefficients, a pure function of (seed, index): the same in every
    process, in whatever order and number draws are made, so that training resumes on the same
    functions.

    Attributes:
        on: Region on which the functions live.
        size: Number of coefficients of a function.
        count: How many functions there are; None where there is no end of them.
    """

    on: Region
    size: int
    count: int | None = None

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the functions' arguments."""
        return self.on.coordinates

    @abstractmethod
    def _draw(self, generator: np.random.Generator) -> np.ndarray:
        """Coefficients of one function, shape (size,)."""

    @abstractmethod
    def evaluate(self, coefficients: Tensor, x: Any) -> Any:
        """Values of functions at points.

        Args:
            coefficients: Shape (m, size).
            x: Points, shape (n, d), float64; a jet passes too.

        Returns:
            Shape (n, m).
        """

    def coefficients(self, indices: Sequence[int], seed: int) -> Tensor:
        """Coefficients of some draws.

        Args:
            indices: Which draws, whole numbers from 0.
            seed: Non-negative whole number.

        Returns:
            Shape (m, size), float64.
        """
        generators = (np.random.default_rng([seed, int(i)]) for i in indices)
        rows = [self._draw(generator) for generator in generators]
        return torch.as_tensor(np.array(rows).reshape(len(rows), self.size))

    def draw(self, n: int, *, seed: int, start: int = 0) -> Draws:
        """Functions number ``start`` to ``start + n - 1`` of a seed's.

        Args:
            n: How many.
            seed: Non-negative whole number.
            start: The first one's number.

        Returns:
            The functions.

        Raises:
            ValueError: ``n`` is below 1, or a number is negative.
        """
        if n < 1 or start < 0 or seed < 0:
            raise ValueError(
                f"draw({n}, seed={seed}, start={start}): at least one function, and numbers that "
                "are not negative, are needed."
            )
        return Draws(self, self.coefficients(range(start, start + n), seed))

    def training(self, n: int, *, seed: int) -> Draws:
        """Functions to train with; at most as many as there are.

        Args:
            n: How many.
            seed: Non-negative whole number.

        Returns:
            The functions.
        """
        return self.draw(n, seed=seed)

    def unseen(self, n: int, *, stream: int = 0) -> Draws:
        """Functions to judge by, none of which is among those to train with.

        Args:
            n: How many; at most as many as there are.
            stream: Tells several inputs of the same law apart.

        Returns:
            The functions, the same ones always.
        """
        return self.draw(n, seed=TEST_SEED, start=(1 + stream) * 2**32)

    def map(self, function: Callable[[Any], Any]) -> FunctionSpace:
        """The same functions, with something done to their values: ``space.map(torch.exp)``."""
        return Mapped(self, function)


class Draws(Functions):
    """Functions of a space.

    Args:
        space: The space.
        coefficients: Shape (m, size).

    Raises:
        ValueError: The coefficients have another shape or are not finite.
    """

    def __init__(self, space: FunctionSpace, coefficients: Tensor) -> None:
        if coefficients.ndim != 2 or coefficients.shape[1] != space.size:
            raise ValueError(
                f"Coefficients have shape {tuple(coefficients.shape)}; expected (m, {space.size})."
            )
        if not bool(coefficients.isfinite().all()):
            raise ValueError("Coefficients of a function are not finite; remove it.")
        self.space, self.coefficients = space, coefficients
        self.coordinates = space.coordinates

    def __len__(self) -> int:
        return len(self.coefficients)

    def __getitem__(self, index: slice | Sequence[int]) -> Draws:
        return Draws(self.space, self.coefficients[index])

    def _evaluate(self, x: Any) -> Any:
        return self.space.evaluate(self.coefficients, x)


class Expansion(FunctionSpace):
    """Functions that are sums of coefficients times fixed basis functions."""

    @abstractmethod
    def basis(self, x: Any) -> Any:
        """The basis functions at points.

        Args:
            x: Points, shape (n, d), float64; a jet passes too.

        Returns:
            Shape (n, size).
        """

    def evaluate(self, coefficients: Tensor, x: Any) -> Any:
        """Values of functions at points.

        Args:
            coefficients: Shape (m, size).
            x: Points, shape (n, d), float64; a jet passes too.

        Returns:
            Shape (n, m).
        """
        return torch.nn.functional.linear(self.basis(x), coefficients)


class Mapped(FunctionSpace):
    """A space whose values are put through a function, such as the exponential.

    Args:
        space: The space.
        function: Acts on every value for itself, in torch functions.

    Raises:
        ValueError: It changes shapes, or returns values that are not finite.

    Example:
        >>> from pdenet.geometry import Interval
        >>> positive = ChebyshevSeries(Interval(x=(-1, 1))).map(torch.exp)  # doctest: +SKIP
    """

    def __init__(self, space: FunctionSpace, function: Callable[[Any], Any]) -> None:
        self.space, self.function = space, function
        self.on, self.size, self.count = space.on, space.size, space.count
        tried = space.draw(2, seed=0)(space.on.sample(3, seed=0).x)
        result = torch.as_tensor(function(tried))
        if result.shape != tried.shape or not bool(result.isfinite().all()):
            raise ValueError(
                f"map({function!r}) makes shape {tuple(result.shape)} of {tuple(tried.shape)}, or "
                "values that are not finite; give a function that acts on every value for itself."
            )

    def _draw(self, generator: np.random.Generator) -> np.ndarray:
        return self.space._draw(generator)

    def coefficients(self, indices: Sequence[int], seed: int) -> Tensor:
        """Coefficients of some draws, those of the space underneath.

        Args:
            indices: Which draws.
            seed: Non-negative whole number.

        Returns:
            Shape (m, size), float64.
        """
        return self.space.coefficients(indices, seed)

    def training(self, n: int, *, seed: int) -> Draws:
        """Functions to train with.

        Args:
            n: How many.
            seed: Non-negative whole number.

        Returns:
            The functions.
        """
        return Draws(self, self.space.training(n, seed=seed).coefficients)

    def unseen(self, n: int, *, stream: int = 0) -> Draws:
        """Functions to judge by.

        Args:
            n: How many.
            stream: Tells several inputs of the same law apart.

        Returns:
            The functions.
        """
        return Draws(self, self.space.unseen(n, stream=stream).coefficients)

    def evaluate(self, coefficients: Tensor, x: Any) -> Any:
        """Values of functions at points.

        Args:
            coefficients: Shape (m, size).
            x: Points, shape (n, d), float64; a jet passes too.

        Returns:
            Shape (n, m).
        """
        return self.function(self.space.evaluate(coefficients, x))


def scaled(region: Region, x: Any) -> Any:
    """Points with each coordinate brought to [-1, 1] by the region's bounds, shape (n, d)."""
    low, high = bounds(region)
    return (x - (low + high) / 2) * (2 / (high - low))


def bounds(region: Region) -> tuple[Tensor, Tensor]:
    """Lower and upper bound of every coordinate, each of shape (d,).

    Args:
        region: Where functions live.

    Returns:
        Both.

    Raises:
        ValueError: It is no region, or flat along a coordinate.
    """
    if not isinstance(region, Region):
        raise ValueError(f"Functions live on a region such as Interval(x=(0, 1)); got {region!r}.")
    check_names(region.coordinates, region.parameters)
    pairs = torch.tensor([region.bounds[c] for c in region.coordinates], dtype=torch.float64)
    if bool((pairs[:, 0] >= pairs[:, 1]).any()):
        raise ValueError(
            f"Functions live on a region of full dimension; {region.label!r} has bounds "
            f"{region.bounds}. Give a domain in the function's own coordinates."
        )
    return pairs[:, 0], pairs[:, 1]
