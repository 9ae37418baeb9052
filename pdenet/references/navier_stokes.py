"""Steady incompressible flow by Taylor-Hood elements and Newton's method, on scikit-fem."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu
from skfem import Basis, BilinearForm, MeshTri
from skfem.helpers import dot

from pdenet.references.cache import Arrays
from pdenet.references.triangles import ELEMENTS, mesh_arrays, node_values

_ITERATIONS = 25
_LOOSE, _TIGHT = 1e-2, 1e-11  # relative change: on the way, and at the last Reynolds number


@BilinearForm
def _stiffness(u, v, w):
    return dot(u.grad, v.grad)


@BilinearForm
def _slope_x(u, q, w):
    return u.grad[0] * q


@BilinearForm
def _slope_y(u, q, w):
    return u.grad[1] * q


@BilinearForm
def _carried(u, v, w):
    return (w["a"] * u.grad[0] + w["b"] * u.grad[1]) * v


@BilinearForm
def _multiplied(u, v, w):
    return w["factor"] * u * v


def navier_stokes(
    mesh: MeshTri,
    velocity: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
    reynolds: Sequence[float],
    *,
    gauge: tuple[float, float],
    degree: int = 4,
) -> Arrays:
    r"""Solve (u . grad) u = -grad p + Laplacian(u) / Re, div u = 0, with u given on the boundary.

    Velocity has polynomial degree ``degree``, pressure one less (Taylor and Hood 1973).

    Args:
        mesh: Triangles; none of them may have two edges on the boundary.
        velocity: Both components on the boundary, as a function of x and y.
        reynolds: Reynolds numbers that Newton's method goes through, the wanted one last.
        gauge: Corner of the mesh at which the pressure is zero.
        degree: 2, 3 or 4.

    Returns:
        Arrays for :class:`~pdenet.references.finite_elements.FiniteElements`, fields u, v, p.

    Raises:
        ValueError: Newton's method does not converge.
    """
    flow = _Flow(mesh, degree)
    z = flow.with_boundary(velocity)
    free = flow.free(gauge)
    for number in reynolds:
        enough = _TIGHT if number == reynolds[-1] else _LOOSE
        for _ in range(_ITERATIONS):
            residual, jacobian = flow.linearized(z, number)
            change = splu(jacobian[free][:, free]).solve(-residual[free])
            z[free] += change
            if np.abs(change).max() < enough * np.abs(z).max():
                break
        else:
            raise ValueError(
                f"Newton's method did not converge at Reynolds number {number}. Go through more "
                f"Reynolds numbers on the way, or refine the mesh."
            )
    return flow.arrays(z)


@dataclass(frozen=True, eq=False)
class _Flow:
    """The discrete equations; unknowns are the values of u, v and p, one after the other."""

    mesh: MeshTri
    degree: int
    basis: Basis = field(init=False)
    pressure: Basis = field(init=False)

    def __post_init__(self) -> None:
        # Exact for the convective term, three polynomials of which one is differentiated.
        order = 3 * self.degree - 1
        basis = Basis(self.mesh, ELEMENTS[self.degree](), intorder=order)
        pressure = basis.with_element(ELEMENTS[self.degree - 1]())
        object.__setattr__(self, "basis", basis)
        object.__setattr__(self, "pressure", pressure)
        slopes = [form.assemble(basis, pressure) for form in (_slope_x, _slope_y)]
        object.__setattr__(self, "_constant", (_stiffness.assemble(basis), *slopes))

    def with_boundary(self, velocity: Callable) -> np.ndarray:
        """Return zero inside and the given velocity on the boundary."""
        n = self.basis.N
        z = np.zeros(2 * n + self.pressure.N)
        edge = self.basis.get_dofs().all()
        z[edge], z[edge + n] = velocity(*self.basis.doflocs[:, edge])
        return z

    def free(self, gauge: tuple[float, float]) -> np.ndarray:
        """Return the indices of the unknowns that no condition fixes."""
        n = self.basis.N
        edge = self.basis.get_dofs().all()
        away = self.pressure.doflocs - np.array(gauge)[:, None]
        fixed = np.concatenate([edge, edge + n, [2 * n + np.argmin((away**2).sum(axis=0))]])
        return np.setdiff1d(np.arange(2 * n + self.pressure.N), fixed)

    def linearized(self, z: np.ndarray, reynolds: float) -> tuple[np.ndarray, sp.csc_matrix]:
        """Return the residual and its exact derivative."""
        n = self.basis.N
        stiffness, slope_x, slope_y = self._constant  # type: ignore[attr-defined]
        u, v = (self.interpolated(part) for part in (z[:n], z[n : 2 * n]))
        both = stiffness / reynolds + _carried.assemble(self.basis, a=u, b=v)
        (u_x, u_y), (v_x, v_y) = (
            [_multiplied.assemble(self.basis, factor=slope) for slope in w.grad] for w in (u, v)
        )

        def blocks(xx, xy, yx, yy):
            pressed = [[xx, xy, -slope_x.T], [yx, yy, -slope_y.T], [-slope_x, -slope_y, None]]
            return sp.csc_matrix(sp.bmat(pressed))

        residual = blocks(both, None, None, both) @ z
        return residual, blocks(both + u_x, u_y, v_x, both + v_y)

    def interpolated(self, coefficients: np.ndarray) -> Any:
        """Return values and slopes where the forms are integrated."""
        return self.basis.interpolate(coefficients)

    def arrays(self, z: np.ndarray) -> Arrays:
        """Return the solution as plain arrays."""
        n = self.basis.N
        return {
            **mesh_arrays(self.mesh),
            "field u": node_values(self.basis, z[:n], self.degree),
            "field v": node_values(self.basis, z[n : 2 * n], self.degree),
            "field p": node_values(self.pressure, z[2 * n :], self.degree - 1),
        }
