"""What a user of scikit-fem would write for the plane elliptic problems of the catalogue."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import pi
from typing import Any

import numpy as np
import torch
from scipy.sparse.linalg import splu
from skfem import Basis, BilinearForm, LinearForm, MeshTri
from skfem.helpers import dot

from pdenet.accuracy import Comparison
from pdenet.catalogue import find
from pdenet.metrics import relative_l2
from pdenet.references.piecewise import Triangulation, evaluate
from pdenet.references.triangles import ELEMENTS, mesh_arrays, node_values

Function = Callable[[Any, Any], Any]
STEPS, SMALL = 20, 1e-13
"""Most Newton steps, and the relative size of the last one."""


@dataclass(frozen=True)
class Elliptic:
    """-div grad u + r(u) = f on a polygon, u = g on its boundary.

    Args:
        problem: Name in the catalogue.
        mesh: The coarsest mesh.
        source: f.
        boundary: g, or None for zero.
        reaction: r.
        slope: Derivative of r.
        linear: Whether one step of Newton's method solves it.
        parameters: Of the catalogue's problem.
        corner: A corner to refine towards, or None.
    """

    problem: str
    mesh: Callable[[], MeshTri]
    source: Function
    boundary: Function | None = None
    reaction: Callable[[Any], Any] = lambda u: 0 * u
    slope: Callable[[Any], Any] = lambda u: 0 * u
    linear: bool = True
    parameters: Mapping[str, Any] = field(default_factory=dict)
    corner: tuple[float, float] | None = None

    def mesh_at(self, level: int) -> MeshTri:
        """The mesh refined as a whole, and around the corner where there is one.

        Args:
            level: How often.

        Returns:
            The mesh; around a corner of angle 3 pi / 2 triangles shrink by 2 six times a level.
        """
        mesh = self.mesh().refined(level)
        if self.corner is None:
            return mesh
        for _ in range(6 * level):
            at = np.flatnonzero(np.abs(mesh.p.T - self.corner).max(1) < 1e-15)
            mesh = mesh.refined(np.flatnonzero(np.isin(mesh.t, at).any(0)))
        return mesh


@BilinearForm
def _stiffness(u, v, w):
    return dot(u.grad, v.grad) + w["slope"] * u * v


@LinearForm
def _balance(v, w):
    return dot(w["old"].grad, v.grad) + (w["reaction"] - w["source"]) * v


def solved(case: Elliptic, degree: int, level: int) -> tuple[Basis, np.ndarray]:
    """Solves on one mesh.

    Args:
        case: The problem.
        degree: Of the elements, 1 to 4.
        level: Refinements of the mesh.

    Returns:
        The basis and its coefficients.

    Raises:
        ValueError: Newton's method did not converge.
    """
    basis = Basis(case.mesh_at(level), ELEMENTS[degree](), intorder=2 * degree + 2)
    x, y = np.asarray(basis.global_coordinates())
    edge = basis.get_dofs().all()
    free = np.setdiff1d(np.arange(basis.N), edge)
    u, source = np.zeros(basis.N), case.source(x, y)
    if case.boundary is not None:
        u[edge] = case.boundary(*basis.doflocs[:, edge])
    for _ in range(STEPS):
        old = basis.interpolate(u)
        value = np.asarray(old)
        matrix = _stiffness.assemble(basis, slope=case.slope(value))
        rest = _balance.assemble(basis, old=old, reaction=case.reaction(value), source=source)
        # The matrix is symmetric: this order fills in least.
        factors = splu(matrix[free][:, free].tocsc(), permc_spec="MMD_AT_PLUS_A",
                       options={"SymmetricMode": True})  # fmt: skip
        step = factors.solve(rest[free])
        u[free] -= step
        if case.linear or np.linalg.norm(step) <= SMALL * np.linalg.norm(u[free]):
            return basis, u
    raise ValueError(f"{case.problem}: Newton's method did not converge in {STEPS} steps.")


def refinements(
    case: Elliptic, degree: int, comparison: Comparison, seconds: float, most: int
) -> Iterator[dict[str, Any]]:
    """Solves on finer and finer meshes.

    Args:
        case: The problem.
        degree: Of the elements.
        comparison: The catalogue's reference on the quadrature that all errors are measured by.
        seconds: The mesh after one that took a quarter of these CPU seconds is left out.
        most: Most degrees of freedom.

    Yields:
        Degrees of freedom, CPU seconds, seconds by the clock and relative L2 error.
    """
    spent, level, unknowns = 0.0, 0, 0
    while spent < seconds / 4 and 4 * unknowns < most:
        cpu, wall = time.process_time(), time.perf_counter()
        basis, u = solved(case, degree, level)
        spent, elapsed = time.process_time() - cpu, time.perf_counter() - wall
        level, unknowns = level + 1, int(basis.N)
        yield {"unknowns": unknowns, "cpu": spent, "wall": elapsed,
               "error": _error(basis, u, degree, comparison)}  # fmt: skip


def _error(basis: Basis, u: np.ndarray, degree: int, comparison: Comparison) -> float:
    assert isinstance(basis.mesh, MeshTri)
    arrays = mesh_arrays(basis.mesh)
    mesh = Triangulation(arrays["corners"], arrays["triangles"])
    x, y = comparison.points.x.numpy().T
    values = evaluate(mesh, {"u": node_values(basis, u, degree)}, x, y)["u"]
    found = torch.from_numpy(values)
    return float(relative_l2(found, comparison.exact["u"], comparison.points.weight))


def _unit() -> MeshTri:
    mesh = MeshTri.init_symmetric().refined()
    assert isinstance(mesh, MeshTri)
    return mesh


def _square() -> MeshTri:
    mesh = _unit().refined()
    return MeshTri(2 * mesh.p - 1, mesh.t)


def _l_shape() -> MeshTri:
    lower, middle, upper = [(-1, -1), (0, -1)], [(-1, 0), (0, 0), (1, 0)], [(-1, 1), (0, 1), (1, 1)]
    corners = np.array([*lower, *middle, *upper], dtype=float).T
    squares = [(0, 1, 3, 2), (2, 3, 6, 5), (3, 4, 7, 6)]
    triangles = [t for a, b, c, d in squares for t in ((a, b, c), (a, c, d))]
    return MeshTri(corners, np.array(triangles).T)


def _singular(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    reference = find("poisson-l-shape").build().reference
    assert reference is not None
    found = reference(x=torch.from_numpy(x), y=torch.from_numpy(y))["u"]
    return np.where(x**2 + y**2 > 0, found.nan_to_num().numpy(), 0.0)


HELMHOLTZ, BRATU = 6 * pi, 4 * pi


def _bratu(x: Any, y: Any) -> Any:
    return 1 + np.sin(BRATU * x) * np.cos(BRATU * y)


CASES = (
    Elliptic(
        "poisson-2d", _unit, lambda x, y: 2 * pi**2 * np.sin(pi * x) * np.sin(pi * y)
    ),
    Elliptic(
        "helmholtz-2d",
        _square,
        lambda x, y: (2 * HELMHOLTZ**2 - 1) * np.sin(HELMHOLTZ * x) * np.sin(HELMHOLTZ * y),
        reaction=lambda u: -u,
        slope=lambda u: 0 * u - 1,
        parameters={"boundary": "zero"},
    ),
    Elliptic(
        "poisson-l-shape", _l_shape, lambda x, y: 0 * x, boundary=_singular, corner=(0.0, 0.0)
    ),
    Elliptic(
        "reaction-diffusion",
        _unit,
        lambda x, y: 2 * BRATU**2 * (_bratu(x, y) - 1) + np.exp(_bratu(x, y)),
        boundary=_bratu,
        reaction=np.exp,
        slope=np.exp,
        linear=False,
    ),
)  # fmt: skip
