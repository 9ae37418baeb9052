"""Functions of the user's own, known at points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from pdenet.functions.base import Draws, FunctionSpace
from pdenet.functions.files import read_arrays
from pdenet.functions.nodes import Nodes, numbers

HELD_BACK = 0.2  # share of the functions that nothing is trained on


class Samples(FunctionSpace):
    """Functions known at the points of a grid, or at scattered points.

    Between the points of a grid values are interpolated by cubic polynomials in each coordinate,
    between scattered points linearly; outside, the nearest point's value is taken. The last fifth
    of the functions is held back to judge by.

    Args:
        axes: By coordinate, in their order: the sides of a grid, each of shape (n_i,), or the
            coordinates of scattered points, all of shape (n,).
        values: Shape (m, n_1, n_2, ...) on a grid, (m, n) at scattered points.

    Raises:
        ValueError: Shapes do not fit, sides of a grid do not rise, values are not finite, or there
            are fewer than two functions.

    Example:
        >>> import torch
        >>> x = np.linspace(0, 1, 5)
        >>> space = Samples({"x": x}, np.stack([x**2, x**3]))
        >>> space.unseen(1)(torch.tensor([[0.5]])).item()
        0.125
    """

    def __init__(self, axes: Mapping[str, Any], values: Any) -> None:
        table = numbers("values", values, "Samples")
        if table.ndim < 2 or len(table) < 2:
            raise ValueError(
                f"Samples: values have shape {tuple(table.shape)}; expected (functions, points) "
                "with at least two functions."
            )
        self.nodes = Nodes(axes, table.shape[1:], "Samples")
        self.on = self.nodes.on
        self.table = table.reshape(len(table), -1)
        self.count, self.size = len(table), self.table.shape[1]

    @classmethod
    def from_file(
        cls, path: str | Path, values: str, axes: Sequence[str] | Mapping[str, str]
    ) -> Samples:
        """Functions from a file.

        Args:
            path: A file ending in npz, mat, h5 or hdf5.
            values: Name of the array of values.
            axes: Names of the coordinates, which are the arrays' names too; or array by coordinate.

        Returns:
            The functions.
        """
        names = dict(axes) if isinstance(axes, Mapping) else {name: name for name in axes}
        found = read_arrays(path, [values, *names.values()])
        return cls({name: found[array] for name, array in names.items()}, found[values])

    def _draw(self, generator: np.random.Generator) -> np.ndarray:
        return self.table[int(generator.integers(len(self.table)))].numpy()

    @property
    def kept(self) -> int:
        """Number of functions to train with, the first ones."""
        return max(1, len(self.table) - math.ceil(HELD_BACK * len(self.table)))

    def training(self, n: int, *, seed: int) -> Draws:
        """The first functions, in their order, so that measured outputs stay beside them.

        Args:
            n: How many; at most four fifths of them.
            seed: Of no effect.

        Returns:
            The functions.
        """
        return Draws(self, self.table[: min(n, self.kept)])

    def unseen(self, n: int, *, stream: int = 0) -> Draws:
        """The last fifth of the functions, at most ``n`` of them.

        Args:
            n: How many.
            stream: Of no effect: rows of several inputs belong together.

        Returns:
            The functions.
        """
        return Draws(self, self.table[self.kept :][:n])

    def evaluate(self, coefficients: Tensor, x: Any) -> Any:
        """Interpolated values of functions.

        Args:
            coefficients: Their values at the points, shape (m, points).
            x: Points, shape (n, d).

        Returns:
            Shape (n, m).
        """
        return self.nodes.between(coefficients, x)
