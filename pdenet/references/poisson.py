"""One linear elliptic equation on one mesh, on scikit-fem."""

from collections.abc import Callable, Mapping

import numpy as np
from scipy.sparse.linalg import splu
from skfem import Basis, BilinearForm, LinearForm, MeshTri
from skfem.helpers import dot

from pdenet.references.cache import Arrays
from pdenet.references.triangles import ELEMENTS, mesh_arrays, node_values


@BilinearForm
def _operator(u, v, w):
    return w["a"] * dot(u.grad, v.grad) + w["c"] * u * v


@LinearForm
def _load(v, w):
    return w["f"] * v


def polygon_mesh(corners: np.ndarray, triangles: np.ndarray) -> MeshTri:
    """Return the mesh of these triangles."""
    return MeshTri(np.ascontiguousarray(corners.T), np.ascontiguousarray(triangles.T))


def quadratic_solution(
    mesh: MeshTri, functions: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]]
) -> Arrays:
    """Solve -div(a grad u) + c u = f with quadratic elements, u = g on the boundary.

    Args:
        mesh: The triangles.
        functions: ``diffusion`` a, ``reaction`` c, ``source`` f and ``boundary`` g.

    Returns:
        ``corners``, ``triangles`` and the ``values`` at the nodes of each triangle.
    """
    basis = Basis(mesh, ELEMENTS[2](), intorder=6)
    x, y = np.asarray(basis.global_coordinates())
    matrix = _operator.assemble(
        basis, a=functions["diffusion"](x, y), c=functions["reaction"](x, y)
    )
    edge = basis.get_dofs().all()
    u = np.zeros(basis.N)
    u[edge] = functions["boundary"](*basis.doflocs[:, edge])
    residual = _load.assemble(basis, f=functions["source"](x, y)) - matrix @ u
    free = np.setdiff1d(np.arange(basis.N), edge)
    u[free] = splu(matrix[free][:, free].tocsc()).solve(residual[free])
    return {**mesh_arrays(mesh), "values": node_values(basis, u, 2)}
