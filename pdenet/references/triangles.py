"""Between scikit-fem and plain arrays."""

import numpy as np
from skfem import Basis, ElementTriP1, ElementTriP2, ElementTriP3, ElementTriP4, MeshTri

from pdenet.references.cache import Arrays
from pdenet.references.piecewise import lattice

ELEMENTS = {1: ElementTriP1, 2: ElementTriP2, 3: ElementTriP3, 4: ElementTriP4}


def mesh_arrays(mesh: MeshTri) -> Arrays:
    """Return corners and triangles as plain arrays."""
    return {"corners": np.ascontiguousarray(mesh.p.T), "triangles": np.ascontiguousarray(mesh.t.T)}


def node_values(basis: Basis, coefficients: np.ndarray, degree: int) -> np.ndarray:
    """Return values at the lattice of each triangle, shape (t, nodes)."""
    nodes = lattice(degree)
    at_nodes = Basis(basis.mesh, basis.elem, quadrature=(nodes, np.ones(nodes.shape[1])))
    return np.asarray(at_nodes.interpolate(coefficients))
