"""Piecewise polynomials on triangles, evaluated at any points."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import KDTree

_CHUNK = 20000
_OUTSIDE = 1e-6  # of the mesh's size: rounding of single precision, no more


@dataclass(frozen=True, eq=False)
class Triangulation:
    """Triangles that cover a region of the plane.

    Args:
        corners: Shape (m, 2).
        triangles: Indices of corners, shape (t, 3).
    """

    corners: np.ndarray
    triangles: np.ndarray

    def locate(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find the triangle of each point.

        Args:
            x: Points, shape (n, 2).

        Returns:
            Indices of triangles, shape (n,), and coordinates in the unit triangle, shape (n, 2).

        Raises:
            ValueError: A point lies outside.
        """
        cells = np.zeros(len(x), np.int64)
        pending = np.arange(len(x))
        total = len(self.triangles)
        # The right triangle is nearly always among the nearest few; small ones next to large
        # ones need a wider search.
        for near in (8, 64, total):
            missed = []
            size = max(1, min(_CHUNK, 2**22 // min(near, total)))
            for part in np.split(pending, range(size, len(pending), size)):
                cells[part], found = self._nearest(x[part], min(near, total))
                missed.append(part[~found])
            pending = np.concatenate(missed)
            if not len(pending):
                return cells, self._local(x, cells)
        raise ValueError(
            f"{len(pending)} points lie outside the reference's region, such as "
            f"{x[pending[0]].tolist()}. Compare on points of the region only."
        )

    def _nearest(self, x: np.ndarray, near: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the best of the nearest triangles, and whether it holds the point."""
        _, candidates = self._tree.query(x, near)
        candidates = np.reshape(candidates, (len(x), near))
        local = self._local(x[:, None], candidates)
        depth = np.minimum(local.min(axis=-1), 1 - local.sum(axis=-1))
        best = depth.argmax(axis=1)[:, None]
        cell = np.take_along_axis(candidates, best, axis=1)[:, 0]
        outside = -np.take_along_axis(depth, best, axis=1)[:, 0] * self._sizes[cell]
        return cell, outside <= _OUTSIDE * np.ptp(self.corners, axis=0).max()

    def _local(self, x: np.ndarray, cells: np.ndarray) -> np.ndarray:
        origin, inverse = self._frames
        return np.einsum("...ij,...j->...i", inverse[cells], x - origin[cells])

    @cached_property
    def _frames(self) -> tuple[np.ndarray, np.ndarray]:
        a, b, c = (self.corners[self.triangles[:, i]] for i in range(3))
        return a, np.linalg.inv(np.stack([b - a, c - a], axis=-1))

    @cached_property
    def _sizes(self) -> np.ndarray:
        return np.ptp(self.corners[self.triangles], axis=1).max(axis=1)

    @cached_property
    def _tree(self) -> KDTree:
        return KDTree(self.corners[self.triangles].mean(axis=1))


def lattice(degree: int) -> np.ndarray:
    """Return the nodes of a polynomial on the unit triangle, shape (2, nodes)."""
    return np.array([(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]).T / degree


def evaluate(
    mesh: Triangulation, fields: Mapping[str, np.ndarray], x: np.ndarray, y: np.ndarray
) -> dict[str, np.ndarray]:
    """Evaluate piecewise polynomials.

    Args:
        mesh: The triangles.
        fields: Values at each triangle's :func:`lattice`, shape (t, nodes), by name.
        x: Shape (n,).
        y: Shape (n,).

    Returns:
        Values of shape (n,), by name.
    """
    cells, local = mesh.locate(np.stack([x, y], axis=-1))
    return {name: _polynomial(values, cells, local) for name, values in fields.items()}


def _polynomial(values: np.ndarray, cells: np.ndarray, local: np.ndarray) -> np.ndarray:
    degree = int((np.sqrt(8 * values.shape[1] + 1) - 3) / 2 + 0.5)
    nodes = lattice(degree)
    powers = np.rint(nodes * degree).astype(int)  # the exponents form the same lattice
    monomials = (nodes.T[:, None] ** powers.T).prod(axis=-1)
    coefficients = np.linalg.solve(monomials, values.T)[:, cells]
    return np.einsum("mn,nm->n", coefficients, (local[:, None] ** powers.T).prod(axis=-1))
