"""Measured or computed outputs of an operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pdenet.conditions.base import Condition, require_values
from pdenet.conditions.values import differences, with_signature
from pdenet.geometry import PointCloud, Points

SMALLEST = 0.1  # of the solutions' root mean square: less does not count as a size of its own


class OperatorData(Condition):
    """Values of fields for many input functions: ``OperatorData({"x": x}, u=values)``.

    The i-th row belongs to the i-th function of the problem's input spaces, which are then
    :class:`~pdenet.functions.Samples`: functions of the user's own.

    Args:
        at: Coordinates by name: of points that all functions share, each of shape (n,), or of
            points of each function's own, each of shape (m, n).
        values: By scalar field, shape (m, n).

    Attributes:
        own: Points of each function's own, shape (m, n, d), or None.

    Raises:
        ValueError: Shapes do not fit each other, or a value is not finite.
    """

    own: Tensor | None
    fields: tuple[str, ...]
    _tables: Callable[[], Mapping[str, Tensor]]

    def __init__(self, at: Mapping[str, Any], **values: Any) -> None:
        require_values(self, values)
        tables = {name: _numbers(name, table) for name, table in values.items()}
        columns = {name: _numbers(name, column) for name, column in at.items()}
        shapes = {name: tuple(v.shape) for name, v in {**columns, **tables}.items()}
        m, n = (
            next(iter(tables.values())).shape
            if all(t.ndim == 2 for t in tables.values())
            else (0, 0)
        )
        ranks = {c.ndim for c in columns.values()}
        fits = {tuple(c.shape) for c in columns.values()} in ({(n,)}, {(m, n)})
        if not m or len(ranks) != 1 or not fits or {t.shape for t in tables.values()} != {(m, n)}:
            raise ValueError(
                f"OperatorData got arrays of shapes {shapes}; expected values (functions, points), "
                "and coordinates (points,) that all functions share or (functions, points)."
            )
        own = torch.stack(list(columns.values()), dim=-1) if ranks == {2} else None
        first = {
            name: column if column.ndim == 1 else column[0] for name, column in columns.items()
        }
        frozen = MappingProxyType(tables)
        self._build(first, tuple(tables), own, lambda: frozen)

    @classmethod
    def computed(
        cls,
        at: Mapping[str, Any],
        fields: tuple[str, ...],
        tables: Callable[[], Mapping[str, Tensor]],
    ) -> OperatorData:
        """Values that are computed when they are first asked for.

        Args:
            at: Coordinates of points that all functions share, each of shape (n,).
            fields: Names of the fields.
            tables: Gives the values by field, shape (m, n).

        Returns:
            The condition.
        """
        data = object.__new__(cls)
        data._build(at, fields, None, tables)
        return data

    def _build(
        self,
        at: Mapping[str, Any],
        fields: tuple[str, ...],
        own: Tensor | None,
        tables: Callable[[], Mapping[str, Tensor]],
    ) -> None:
        def residual(**known: Any) -> tuple[Any, ...]:
            return tuple(
                row
                for name in fields
                for row in differences(known[name], known[f"{name}_data"], {})
            )

        names = [*fields, *(f"{name}_data" for name in fields)]
        Condition.__init__(self, with_signature(residual, names), PointCloud(label="data", **at))
        self._set(fields=fields, own=own, _tables=tables)

    @property
    def tables(self) -> Mapping[str, Tensor]:
        """Values by field, shape (m, n), float64."""
        return self._tables()

    def factors(self) -> Tensor:
        """One over the size of each function's solution, shape (m, fields).

        Rows then have no units, and count relative errors, as those do who judge. A solution that
        is much smaller than the others counts by a floor.

        Returns:
            Positive numbers.
        """
        sizes = torch.stack([self.tables[name].square().mean(1).sqrt() for name in self.fields], 1)
        whole = sizes.square().mean(0).sqrt()
        floored = torch.maximum(sizes, SMALLEST * whole)
        return torch.where(whole > 0, 1 / floored, torch.ones_like(floored))

    def data(self, points: Points) -> dict[str, Tensor]:
        """Values of the first function, named ``u_data``: what the residual's shape is tried on."""
        assert points.index is not None
        index = points.index.cpu()
        return {f"{n}_data": self.tables[n][0, index].to(points.x) for n in self.fields}


def _numbers(name: str, values: Any) -> Tensor:
    try:
        array = torch.as_tensor(np.array(values, dtype=float))
    except (TypeError, ValueError):
        raise ValueError(f"OperatorData: {name!r} must hold numbers in a regular array.") from None
    if bad := int((~array.isfinite()).sum()):
        raise ValueError(
            f"OperatorData: {name!r} holds {bad} values that are not finite; remove them first."
        )
    return array
