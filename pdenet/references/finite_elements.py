"""Solutions by finite elements in the plane, computed when first called and kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np
from torch import Tensor

from pdenet.references.base import Kind, Reference, through_numpy
from pdenet.references.cache import Arrays, cached
from pdenet.references.piecewise import Triangulation, evaluate

_SCHEME = "finite elements 1"  # part of every cache key: changes when stored numbers would


@dataclass(frozen=True, eq=False)
class FiniteElements(Reference):
    """Piecewise polynomials on triangles.

    Args:
        fields: Names of the scalar fields.
        tolerance: Relative L2 accuracy, worst field.
        solve: Computes ``corners`` (m, 2), ``triangles`` (t, 3) and every field's values at the
            nodes of each triangle (t, nodes), by name; called once.
        content: What tells this solution from others in the cache: numbers, text, arrays.
        coordinates: Names of both coordinates.
    """

    kind: ClassVar[Kind] = "finite-elements"
    fields: tuple[str, ...]
    tolerance: float
    solve: Callable[[], Arrays] = field(repr=False)
    content: tuple[object, ...]
    coordinates: tuple[str, ...] = ("x", "y")

    @property
    def measured(self) -> float | None:
        """Relative L2 difference from a coarser mesh, where the solver compares."""
        return float(self._solved["measured"]) if "measured" in self._solved else None

    @cached_property
    def _solved(self) -> Arrays:
        return cached("finite-elements", (_SCHEME, *self.content), self.solve)

    @cached_property
    def _mesh(self) -> Triangulation:
        return Triangulation(self._solved["corners"], self._solved["triangles"])

    def _evaluate(self, coordinates: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return through_numpy(self._at, [coordinates[name] for name in self.coordinates])

    def _at(self, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
        fields = {name: self._solved[f"field {name}"] for name in self.fields}
        return evaluate(self._mesh, fields, x, y)
