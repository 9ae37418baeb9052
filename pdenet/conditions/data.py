"""Measurements at points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pdenet.conditions.base import Condition, require_values
from pdenet.conditions.values import Value, with_signature
from pdenet.geometry import PointCloud, Points


class Data(Condition):
    """Measured values at points: ``Data({"x": x}, u=values)``.

    Args:
        at: Coordinates of the points by name, each of shape (n,).
        values: Measurements by field, each of shape (n,).

    Raises:
        ValueError: Lengths differ, or a value is not finite.
    """

    def __init__(self, at: Mapping[str, Any], **values: Any) -> None:
        require_values(self, values)
        self.columns = {name: _column(name, v) for name, v in values.items()}
        on = PointCloud(label="data", **at)
        for name, column in self.columns.items():
            if len(column) != on.measure:
                raise ValueError(
                    f"Data(u=...) has {len(column)} values of {name!r} at {on.measure:.0f} points; "
                    "give one value for each point."
                )

        def residual(**known: Any) -> tuple[Any, ...]:
            return tuple(known[name] - known[f"{name}_data"] for name in self.columns)

        names = [*self.columns, *(f"{name}_data" for name in self.columns)]
        super().__init__(with_signature(residual, names), on)

    def data(self, points: Points) -> dict[str, Tensor]:
        """The measurements at some of the points, named ``u_data``."""
        index = points.index
        assert index is not None
        return {
            f"{name}_data": column.to(points.x)[index.to(points.x.device)]
            for name, column in self.columns.items()
        }

    def at_time(self, start: float, end: float, values: Mapping[str, Value] | None) -> Condition:
        """The measurements between two times."""
        cloud = self.on
        assert isinstance(cloud, PointCloud)
        times = cloud.x[:, cloud.coordinates.index("t")]
        kept = (times >= start) & (times <= end)
        at = {name: cloud.x[kept, i] for i, name in enumerate(cloud.coordinates)}
        return Data(at, **{name: column[kept] for name, column in self.columns.items()})


def _column(name: str, values: Any) -> Tensor:
    column = torch.as_tensor(np.asarray(values, dtype=float))
    if column.ndim != 1 or not bool(column.isfinite().all()):
        raise ValueError(
            f"Data({name}=...) has shape {tuple(column.shape)}; one finite number for each point, "
            "shape (n,), is needed. Remove missing measurements first."
        )
    return column
