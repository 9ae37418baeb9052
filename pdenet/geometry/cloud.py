"""Single points and the user's own points (sensors, data)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pdenet.geometry.base import Placed, Region, Rule
from pdenet.geometry.names import TIME, check_count, check_interval, check_names, check_number
from pdenet.geometry.points import Points


class PointCloud(Region):
    """Points given one by one, where data were taken; each counts 1.

    ``sample`` returns all of them, or ``n`` chosen without repetition where they are more, and
    ``Points.index`` says which.

    Args:
        label: Readable name.
        **columns: Values of each coordinate, shape (n,).

    Raises:
        ValueError: Columns empty, of unequal length, of another shape, or not finite.

    Example:
        >>> sensors = PointCloud(x=[0.1, 0.5, 0.9], t=[0.0, 0.5, 1.0])
        >>> len(sensors.sample(2, seed=0)), sensors.measure
        (2, 3.0)
    """

    x: Tensor
    """The points, shape (n, d)."""
    rows: Tensor
    """Their numbers among the points that the user gave, shape (n,)."""

    def __init__(self, *, label: str = "points", **columns: Any) -> None:
        names = check_names(columns)
        values = [_column(name, column) for name, column in columns.items()]
        lengths = {name: len(value) for name, value in zip(names, values, strict=True)}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"Columns of a PointCloud must be equally long; got {lengths}.")
        n = lengths[names[0]]
        if not n:
            raise ValueError("A PointCloud needs at least one point; its columns are empty.")
        ends = [(float(value.min()), float(value.max())) for value in values]
        self._set(
            coordinates=names,
            label=label,
            dimension=0,
            measure=float(n),
            bounds=dict(zip(names, ends, strict=True)),
            # A lone point needs no number of the cube to choose it.
            unit=int(n > 1),
            x=torch.stack(values, 1),
            rows=torch.arange(n),
        )

    def __repr__(self) -> str:
        return f"<{self.label}: {len(self.x)} points with coordinates {self.coordinates}>"

    def place(self, u: Tensor) -> Placed:
        """Choose points.

        Args:
            u: Points of the cube, shape (n, unit).

        Returns:
            The chosen points.
        """
        if self.unit == 0:
            return Placed(self.x.expand(len(u), -1))
        return Placed(self.x[(u[:, 0] * len(self.x)).long().clamp(max=len(self.x) - 1)])

    def rule(self, n: int) -> Rule:
        """Return all points with weight 1.

        Args:
            n: Ignored.

        Returns:
            The rule.
        """
        return Rule(self.x, torch.ones(len(self.x), dtype=torch.float64))

    def quadrature(self, n: int) -> Points:
        """Return all points with weight 1, and their rows.

        Args:
            n: Ignored.

        Returns:
            The points.
        """
        check_count(n)
        ones = torch.ones(len(self.x), dtype=torch.float64)
        density = ones / self.measure
        return Points.trusted(self.coordinates, self.x, ones, density, None, self.space, self.rows)

    def at_time(self, start: float, end: float) -> PointCloud:
        """Return the points between two times.

        Args:
            start: First time.
            end: Last time.

        Returns:
            The points, which keep their numbers.

        Raises:
            ValueError: The points have no time, or none lie between these.
        """
        if self.time is None:
            super().at_time(start, end)
        start, end = check_interval((start, end), "The time interval")
        times = self.x[:, self.coordinates.index(TIME)]
        inside = (times >= start) & (times <= end)
        if not bool(inside.any()):
            raise ValueError(f"{self!r} has no points with {start:g} <= t <= {end:g}.")
        return self.chosen(inside, self.label)

    def chosen(self, mask: Tensor, label: str) -> PointCloud:
        """Return some of the points, which keep their numbers.

        Args:
            mask: Which, shape (n,), at least one.
            label: Readable name.

        Returns:
            The smaller cloud.
        """
        columns = {c: self.x[mask, i] for i, c in enumerate(self.coordinates)}
        cloud = PointCloud(label=label, **columns)
        object.__setattr__(cloud, "rows", self.rows[mask])
        return cloud


class Point(PointCloud):
    """A single point, such as the place of a pressure gauge.

    Args:
        **values: Value of each coordinate.

    Example:
        >>> gauge = Point(x=0, y=0)
        >>> gauge.label
        'x=0, y=0'
    """

    def __init__(self, **values: float) -> None:
        numbers = {name: check_number(value, f"Point.{name}") for name, value in values.items()}
        label = ", ".join(f"{name}={number:.6g}" for name, number in numbers.items())
        super().__init__(label=label, **{name: [number] for name, number in numbers.items()})


def _column(name: str, values: Tensor | Sequence[float]) -> Tensor:
    try:
        column = torch.as_tensor(values, dtype=torch.float64).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"Column {name!r} of a PointCloud must hold numbers.") from None
    if column.ndim != 1:
        raise ValueError(
            f"Column {name!r} of a PointCloud must have shape (n,); got {tuple(column.shape)}."
        )
    bad = int((~column.isfinite()).sum())
    if bad:
        raise ValueError(
            f"Column {name!r} of a PointCloud holds {bad} values that are not finite; remove them."
        )
    return column.clone()
