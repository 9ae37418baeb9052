"""Points and cells: tensor grids by extrusion, and their part inside a domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pdenet.geometry import Domain
from pdenet.report.probe import Array, contains

_EXTRUDED = {"vertex": "line", "line": "quad", "quad": "hexahedron", "triangle": "wedge"}


@dataclass(frozen=True, eq=False)
class Mesh:
    """Cells between points of some of a domain's coordinates.

    Args:
        axes: Names of the columns of ``points``.
        points: Shape (n, k).
        kind: VTK's name of the cells: line, quad, triangle, hexahedron, wedge.
        cells: Rows of ``points`` in VTK's order, shape (m, vertices).
    """

    axes: tuple[str, ...]
    points: Array
    kind: str
    cells: Array

    @property
    def triangles(self) -> Array:
        """The cells of a planar mesh as triangles, shape (m, 3)."""
        if self.kind == "triangle":
            return self.cells
        return np.concatenate([self.cells[:, [0, 1, 2]], self.cells[:, [0, 2, 3]]])

    def columns(self, coordinates: Sequence[str], fixed: Mapping[str, float]) -> Array:
        """The points in all of a problem's coordinates.

        Args:
            coordinates: Names, in the problem's order.
            fixed: Values of those that the mesh does not span.

        Returns:
            Shape (n, d).
        """
        n = len(self.points)
        known = dict(zip(self.axes, self.points.T, strict=True))
        return np.stack([known[c] if c in known else np.full(n, fixed[c]) for c in coordinates], -1)


def extrude(mesh: Mesh, name: str, levels: Array) -> Mesh:
    """Sweeps a mesh along one more coordinate: points to lines to quads to hexahedra.

    Args:
        mesh: What is swept.
        name: The coordinate.
        levels: Its values, shape (k,), in order.

    Returns:
        The mesh of one dimension more.
    """
    n, layers = len(mesh.points), np.arange(len(levels) - 1)
    points = np.column_stack([np.tile(mesh.points, (len(levels), 1)), np.repeat(levels, n)])
    base = mesh.cells
    # VTK turns a wedge's base towards the outside, and goes round a quad.
    base = base[:, ::-1] if mesh.kind == "triangle" else base
    top = base[:, ::-1] if mesh.kind == "line" else base
    column = np.concatenate([base, top + n], axis=1)
    cells = (column[None] + n * layers[:, None, None]).reshape(-1, column.shape[1])
    return Mesh((*mesh.axes, name), points, _EXTRUDED[mesh.kind], cells)


def grid(levels: Mapping[str, Array]) -> Mesh:
    """The tensor grid of values by coordinate."""
    mesh = Mesh((), np.zeros((1, 0)), "vertex", np.zeros((1, 1), dtype=int))
    for name, values in levels.items():
        mesh = extrude(mesh, name, values)
    return mesh


def clip(mesh: Mesh, domain: Domain, fixed: Mapping[str, float], *, fitted: bool = False) -> Mesh:
    """The cells that lie in a domain, and the points that they use.

    Args:
        mesh: The cells.
        domain: The domain.
        fixed: Coordinates that the mesh does not span.
        fitted: Whether the middle of a cell decides alone: vertices on a curved boundary may be
            outside by rounding.

    Returns:
        The part; empty where nothing lies inside.
    """
    middles = replace(mesh, points=mesh.points[mesh.cells].mean(axis=1))
    keep = contains(domain, middles.columns(domain.coordinates, fixed))
    if not fitted:
        inside = contains(domain, mesh.columns(domain.coordinates, fixed))
        keep &= inside[mesh.cells].all(axis=1)
    return _used(mesh, mesh.cells[keep])


def _used(mesh: Mesh, cells: Array) -> Mesh:
    used, inverse = np.unique(cells, return_inverse=True)
    return replace(mesh, points=mesh.points[used], cells=inverse.reshape(cells.shape))
