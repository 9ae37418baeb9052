"""Measurements at points."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pdenet.conditions.base import Condition, require_values
from pdenet.conditions.values import Value, differences, with_signature
from pdenet.geometry import PointCloud, Points
from pdenet.jets import Vector


class Data(Condition):
    """Measured values at points: ``Data({"x": x}, u=values)``.

    Args:
        at: Coordinates of the points by name, each of shape (n,).
        values: Measurements by field, each of shape (n,); (n, k) for a vector.

    Attributes:
        columns: Measurements by field.

    Raises:
        ValueError: Lengths differ, or a value is not finite.
    """

    columns: Mapping[str, Tensor]

    def __init__(self, at: Mapping[str, Any], **values: Any) -> None:
        require_values(self, values)
        columns = {name: _column(name, v) for name, v in values.items()}
        on = PointCloud(label="data", **at)
        for name, column in columns.items():
            if len(column) != on.measure:
                raise ValueError(
                    f"Data({name}=...) has {len(column)} values at {on.measure:.0f} points; give "
                    "one value for each point."
                )

        def residual(**known: Any) -> tuple[Any, ...]:
            pairs = [(known[name], known[f"{name}_data"]) for name in columns]
            return tuple(row for u, measured in pairs for row in _misfit(u, measured))

        names = [*columns, *(f"{name}_data" for name in columns)]
        super().__init__(with_signature(residual, names), on)
        self._set(columns=MappingProxyType(columns))

    def data(self, points: Points) -> dict[str, Tensor]:
        """The measurements at some of the points, named ``u_data``."""
        index = points.index
        assert index is not None
        return {
            f"{name}_data": column[index.to(column.device)].to(points.x)
            for name, column in self.columns.items()
        }

    def at_time(
        self, start: float, end: float, values: Mapping[str, Value] | None
    ) -> Condition | None:
        """The measurements between two times.

        Args:
            start: First time.
            end: Last time.
            values: Of no effect.

        Returns:
            The condition; None where there are no measurements between these times.
        """
        cloud = self.on
        assert isinstance(cloud, PointCloud)
        times = cloud.x[:, cloud.coordinates.index("t")]
        kept = (times >= start) & (times <= end)
        if not bool(kept.any()):
            return None
        at = {name: cloud.x[kept, i] for i, name in enumerate(cloud.coordinates)}
        return Data(at, **{name: column[kept] for name, column in self.columns.items()})


def _misfit(u: Any, measured: Tensor) -> list[Any]:
    value = measured if measured.ndim == 1 else tuple(measured.unbind(dim=1))
    if isinstance(u, Vector) and not isinstance(value, tuple):
        raise ValueError(
            f"a vector of {len(u)} components is given one measurement a point; give shape "
            f"(n, {len(u)}), or measure components as fields of their own."
        )
    return differences(u, value, {})


def _column(name: str, values: Any) -> Tensor:
    try:
        column = torch.as_tensor(np.asarray(values, dtype=float)).clone()
    except (TypeError, ValueError):
        raise ValueError(
            f"Data({name}=...) must hold numbers, one for each point, shape (n,)."
        ) from None
    if column.ndim not in (1, 2) or not bool(column.isfinite().all()):
        raise ValueError(
            f"Data({name}=...) has shape {tuple(column.shape)}; one finite number for each point, "
            "shape (n,), is needed. Remove missing measurements first."
        )
    return column
