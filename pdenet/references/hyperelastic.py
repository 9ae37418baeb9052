"""A hyperelastic cantilever by finite elements, on scikit-fem."""

from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from pdenet.references.cache import Arrays
from pdenet.references.finite_elements import FiniteElements

if TYPE_CHECKING:
    from skfem import MeshTri

_LARGEST = 0.02  # load over Young's modulus up to which Newton's steps are known to arrive
_STEPS = 4
_SMALLEST = 1e-11
_MOST_ITERATIONS = 25


def hyperelastic_beam_reference(
    load: float = 0.005,
    *,
    length: float = 4.0,
    poisson: float = 0.3,
    cells: int = 10,
    fields: tuple[str, str] = ("u", "v"),
) -> FiniteElements:
    r"""Displacement of a neo-Hookean cantilever of height 1 under a shear load on its end.

    Minimizes :math:`\int W(F) + \int_{x = L} p\, v` with :math:`W = \tfrac \mu 2 (|F|^2 - 2) - \mu
    \log J + \tfrac \lambda 2 (\log J)^2`, F = I + grad (u, v), J = det F, in plane strain; the end
    x = 0 is clamped. Quadratic elements, refined towards the clamped corners, where stresses are
    infinite.

    Args:
        load: p over Young's modulus, downwards; a dead load per length of the end.
        length: L over the height.
        poisson: Poisson's ratio.
        cells: Cells along the height.
        fields: Names of both components.

    Returns:
        The reference, accurate to 1e-4.

    Raises:
        ValueError: A number is out of range.
    """
    if not (isfinite(load) and 0 < load <= _LARGEST and 0 < poisson < 0.45 and length >= 1):
        raise ValueError(
            f"load={load}, poisson={poisson}, length={length}: loads between 0 and {_LARGEST}, "
            "Poisson's ratios between 0 and 0.45 and lengths of at least 1 are known to work."
        )
    if cells < 2:
        raise ValueError(f"cells={cells} must be at least 2.")

    def solve() -> Arrays:
        arrays = _solve(load, poisson, _mesh(length, cells))
        values = {f"field {ours}": arrays[n] for ours, n in zip(fields, "uv", strict=True)}
        return {n: arrays[n] for n in ("corners", "triangles", "energy")} | values

    content = ("hyperelastic beam", load, length, poisson, cells, fields)
    return FiniteElements(fields, 1e-4, solve, content)


def _mesh(length: float, cells: int) -> "MeshTri":
    from skfem import MeshTri

    xs = np.linspace(0, length, round(length * cells) + 1)
    mesh = MeshTri.init_tensor(xs, np.linspace(0, 1, cells + 1))
    radius = 2.0 / cells
    for level in range(6):
        x, y = mesh.p[:, mesh.t].mean(axis=1)
        near = np.hypot(x, np.minimum(y, 1 - y)) < radius * 0.5**level
        mesh = mesh.refined(np.flatnonzero(near))
    return mesh


def _solve(load: float, poisson: float, mesh: "MeshTri") -> Arrays:
    # scikit-fem takes a second to import, which only those who solve should wait for.
    from scipy.sparse.linalg import splu
    from skfem import Basis, ElementVector, FacetBasis, Functional, LinearForm
    from skfem.helpers import grad

    from pdenet.references.triangles import ELEMENTS, mesh_arrays, node_values

    mu, lam = 0.5 / (1 + poisson), poisson / ((1 + poisson) * (1 - 2 * poisson))
    element = ElementVector(ELEMENTS[2]())
    basis = Basis(mesh, element, intorder=6)
    length = mesh.p[0].max()
    end = FacetBasis(mesh, element, facets=mesh.facets_satisfying(lambda x: x[0] > length - 1e-9))
    shear = -LinearForm(lambda v, w: v[1]).assemble(end)
    clamped = basis.get_dofs(lambda x: x[0] < 1e-9).all()
    free = np.setdiff1d(np.arange(basis.N), clamped)
    forms = _forms(mu, lam)
    u = np.zeros(basis.N)
    for share in np.arange(1, _STEPS + 1) / _STEPS:
        for _ in range(_MOST_ITERATIONS):
            here = basis.interpolate(u)
            residual = share * load * shear - forms["inner"].assemble(basis, u=here)
            matrix = forms["stiffness"].assemble(basis, u=here)
            step = splu(matrix[free][:, free].tocsc()).solve(residual[free])
            u[free] += step
            if np.abs(step).max() < _SMALLEST:
                break
        else:
            raise ValueError("Newton's method for the beam did not converge; lower the load.")
    stored = Functional(lambda w: forms["density"](np.asarray(grad(w["u"])))).assemble(
        basis, u=basis.interpolate(u)
    )
    components = [_component(basis, u, i) for i in range(2)]
    values = {n: node_values(b, c, 2) for n, (b, c) in zip("uv", components, strict=True)}
    return {**mesh_arrays(mesh), **values, "energy": np.array(stored - load * (shear @ u))}


def _component(basis: Any, u: np.ndarray, i: int) -> tuple[Any, np.ndarray]:
    """One component with its scalar basis."""
    return basis.split(u)[i][1], basis.split(u)[i][0]


def _forms(mu: float, lam: float) -> dict[str, Any]:
    """Density, first and second variation of the stored energy."""
    from skfem import BilinearForm, LinearForm
    from skfem.helpers import grad

    def product(a: Any, b: Any) -> np.ndarray:
        return np.einsum("ij...,ij...->...", np.asarray(a), np.asarray(b))

    def kinematics(slope: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """F, its inverse transposed, and the logarithm of its determinant."""
        f = slope + np.eye(2)[:, :, None, None]
        determinant = f[0, 0] * f[1, 1] - f[0, 1] * f[1, 0]
        inverse = np.array([[f[1, 1], -f[1, 0]], [-f[0, 1], f[0, 0]]]) / determinant
        return f, inverse, np.log(determinant)

    def density(slope: np.ndarray) -> np.ndarray:
        f, _, log = kinematics(slope)
        return 0.5 * mu * ((f**2).sum((0, 1)) - 2) - mu * log + 0.5 * lam * log**2

    @LinearForm
    def inner(v, w):
        f, inverse, log = kinematics(np.asarray(grad(w["u"])))
        return product(mu * f + (lam * log - mu) * inverse, grad(v))

    @BilinearForm
    def stiffness(du, v, w):
        _, inverse, log = kinematics(np.asarray(grad(w["u"])))
        slope = np.asarray(grad(du))
        turned = np.einsum("ij...,kj...,kl...->il...", inverse, slope, inverse)
        change = mu * slope + (mu - lam * log) * turned + lam * product(inverse, slope) * inverse
        return product(change, grad(v))

    return {"density": density, "inner": inner, "stiffness": stiffness}
