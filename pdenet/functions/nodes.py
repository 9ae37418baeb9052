"""Points at which functions are known, and their values between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import KDTree, QhullError
from torch import Tensor

from pdenet.functions.base import Functions
from pdenet.functions.interpolation import interpolate
from pdenet.geometry import Box, PointCloud, Region


class Nodes:
    """A grid, or scattered points.

    Between the points of a grid values are interpolated by cubic polynomials in each coordinate,
    between scattered points linearly; outside, the nearest point's value is taken.

    Args:
        axes: By coordinate, in their order: the sides of a grid, each of shape (n_i,), or the
            coordinates of scattered points, all of shape (n,).
        shape: Of one function's values: (n_1, n_2, ...) on a grid, (n,) at scattered points.
        said: Whose nodes, the first words of what is refused.

    Attributes:
        grid: Whether it is a grid.
        on: The region that it covers.

    Raises:
        ValueError: Shapes do not fit, sides of a grid do not rise, or values are not finite.

    Example:
        >>> nodes = Nodes({"x": np.linspace(0, 1, 5)}, (5,))
        >>> nodes.between(nodes.axes[0][None] ** 2, torch.tensor([[0.5]])).item()
        0.25
    """

    def __init__(self, axes: Mapping[str, Any], shape: Sequence[int], said: str = "Nodes") -> None:
        columns = {name: numbers(name, axis, said) for name, axis in axes.items()}
        if any(a.ndim != 1 for a in columns.values()):
            shapes = {name: tuple(axis.shape) for name, axis in columns.items()}
            raise ValueError(
                f"{said}: axes have shapes {shapes}; give one array (n,) for each coordinate."
            )
        sides, shape = tuple(len(axis) for axis in columns.values()), tuple(shape)
        self.grid, self.axes = shape == sides, tuple(columns.values())
        self.coordinates = tuple(columns)
        self.on: Region
        if self.grid:
            rises = [len(a) > 1 and bool((a.diff() > 0).all()) for a in self.axes]
            if not all(rises):
                raise ValueError(
                    f"{said}: the sides of a grid must rise and have at least two points."
                )
            self.on = Box(**{n: (float(a[0]), float(a[-1])) for n, a in columns.items()})
        elif len(set(sides)) == 1 and shape == sides[:1]:
            self.on = PointCloud(label="samples", **columns)
        else:
            raise ValueError(
                f"{said}: one function has values of shape {shape}, but axes have lengths {sides}; "
                f"expected {sides} on a grid, or (n,) at n scattered points."
            )

    def between(self, table: Tensor, x: Tensor) -> Tensor:
        """Interpolated values of functions.

        Args:
            table: Their values at the nodes, shape (m, nodes), the last coordinate fastest.
            x: Points, shape (n, d).

        Returns:
            Shape (n, m).
        """
        if self.grid:
            return interpolate(self.axes, table, x)
        points, wanted = torch.stack(self.axes, 1).numpy(), x.detach().numpy()
        values = table.numpy().T
        nearest = values[KDTree(points).query(wanted)[1]]
        if points.shape[1] == 1:
            order = points[:, 0].argsort()
            found = [np.interp(wanted[:, 0], points[order, 0], f[order]) for f in values.T]
            return torch.as_tensor(np.stack(found, 1))
        try:
            between = LinearNDInterpolator(points, values)(wanted)
        except QhullError:  # points on a line or too few: nothing lies between them
            return torch.as_tensor(nearest)
        return torch.as_tensor(np.where(np.isfinite(between), between, nearest))

    def missed(self, x: Tensor) -> Tensor:
        """Which points are so far outside that the nearest node tells nothing of them.

        A spacing is allowed for, since values often belong to the middles of cells.

        Args:
            x: Points, shape (n, d).

        Returns:
            Mask of shape (n,).
        """
        outside = torch.zeros(len(x), dtype=torch.bool)
        for i, axis in enumerate(self.axes):
            low, high = float(axis.min()), float(axis.max())
            count = len(axis) if self.grid else len(axis) ** (1 / len(self.axes))
            spacing = (high - low) / max(count - 1, 1)
            outside |= (x[:, i] < low - spacing) | (x[:, i] > high + spacing)
        return outside


class Tabulated(Functions):
    """Functions known at nodes, and by interpolation between them.

    Args:
        nodes: Where they are known.
        table: Values, shape (m, nodes).
    """

    def __init__(self, nodes: Nodes, table: Tensor) -> None:
        self.nodes, self.table, self.coordinates = nodes, table, nodes.coordinates

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: slice | Sequence[int]) -> Tabulated:
        return Tabulated(self.nodes, self.table[index])

    def _evaluate(self, x: Any) -> Any:
        return self.nodes.between(self.table, x)


def numbers(name: str, values: Any, said: str) -> Tensor:
    """Values as a float64 tensor.

    Args:
        name: What they are called.
        values: Whatever came.
        said: Whose they are, the first words of what is refused.

    Returns:
        The tensor.

    Raises:
        ValueError: They are not finite numbers in a regular array.
    """
    try:
        array = torch.as_tensor(np.array(values, dtype=float))
    except (TypeError, ValueError):
        raise ValueError(f"{said}: {name!r} must hold numbers in a regular array.") from None
    if bad := int((~array.isfinite()).sum()):
        raise ValueError(f"{said}: {name!r} holds {bad} values that are not finite; remove them.")
    return array
