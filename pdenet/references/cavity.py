"""Lid-driven cavity by finite elements."""

from collections.abc import Callable
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from pdenet.references.cache import Arrays
from pdenet.references.finite_elements import FiniteElements

if TYPE_CHECKING:
    from skfem import MeshTri

_HIGHEST = 1000.0
_STATIONS = (
    100.0,
    400.0,
)  # Reynolds numbers on the way, from each of which Newton reaches the next


def parabolic_lid(x: np.ndarray) -> np.ndarray:
    """Return the lid's velocity 4 x (1 - x)."""
    return 4 * x * (1 - x)


def lid_driven_cavity_reference(
    reynolds: float = 100.0,
    *,
    lid: Callable[[np.ndarray], np.ndarray] = parabolic_lid,
    cells: int = 20,
    fields: tuple[str, str, str] = ("u", "v", "p"),
) -> FiniteElements:
    r"""Steady flow in the unit square under a moving lid, with p = 0 at the origin.

    .. math:: (u \cdot \nabla) u = -\nabla p + \Delta u / \mathrm{Re},\qquad \nabla \cdot u = 0

    Velocity is (lid(x), 0) at y = 1 and zero on the other walls. Taylor-Hood elements of degrees 4
    and 3: against degrees 2 and 1 they gain a factor 100 for the same number of unknowns. The mesh
    is graded towards the walls and refined at the lid's ends, where the pressure of a lid that
    starts linearly is logarithmic.

    Args:
        reynolds: Reynolds number of side and largest velocity, up to 1000, where the
            tolerance is proven.
        lid: Velocity of the lid, a numpy function of x. Lids that do not vanish at their ends have
            an infinite pressure there, for which the tolerance does not hold.
        cells: Cells along a side.
        fields: Names of both velocity components and the pressure.

    Returns:
        The reference, accurate to 1e-4 up to Re = 100 and 1e-3 at Re = 1000 in the worst field,
        the pressure. Solving takes about 5 s and 20 s of one core.

    Raises:
        ValueError: A Reynolds number out of range or too few cells.
    """
    if not (isfinite(reynolds) and 0 < reynolds <= _HIGHEST):
        raise ValueError(
            f"reynolds={reynolds} is not in (0, {_HIGHEST:g}], where this reference is known to "
            f"be accurate. For others, give measured or published values by file_reference()."
        )
    if cells < 4 or cells % 2:
        raise ValueError(f"cells={cells} must be even and at least 4.")
    velocity = np.asarray(lid(np.linspace(0, 1, 65)) + np.zeros(65))

    def solve() -> Arrays:
        arrays = _solve(reynolds, lid, cells)
        return {
            **{name: arrays[name] for name in ("corners", "triangles")},
            **{
                f"field {ours}": arrays[f"field {name}"]
                for ours, name in zip(fields, "uvp", strict=True)
            },
        }

    tolerance = 1e-6 * max(reynolds, 100.0)
    return FiniteElements(fields, tolerance, solve, ("cavity", reynolds, cells, velocity, fields))


def _solve(reynolds: float, lid: Callable[[np.ndarray], np.ndarray], cells: int) -> Arrays:
    # scikit-fem takes a second to import, which only those who solve should wait for.
    from pdenet.references.navier_stokes import navier_stokes

    def velocity(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.where(np.isclose(y, 1), lid(x), 0.0), np.zeros_like(x)

    numbers = [*(station for station in _STATIONS if station < reynolds), reynolds]
    return navier_stokes(cavity_mesh(cells), velocity, numbers, gauge=(0.0, 0.0))


def cavity_mesh(cells: int, *, levels: int = 5) -> "MeshTri":
    """Return triangles of the unit square, small at the walls and at the lid's ends.

    Args:
        cells: Cells along a side.
        levels: How often the lid's ends are refined, each time half as far around them.

    Returns:
        A scikit-fem mesh, symmetric to x = 1/2.
    """
    from skfem import MeshQuad, MeshTri

    s = np.linspace(0, 1, cells + 1)
    lines = s - 0.5 * np.sin(2 * np.pi * s) / (2 * np.pi)
    squares = MeshQuad.init_tensor(lines, lines)
    a, b, c, d = squares.t
    middle = squares.p[:, squares.t].mean(axis=1)
    # Diagonals point to the corners: a triangle with two edges on the walls would have no
    # velocity left to balance its pressure.
    rising = (middle[0] - 0.5) * (middle[1] - 0.5) > 0
    halves = [np.where(rising, (a, b, c), (a, b, d)), np.where(rising, (a, c, d), (b, c, d))]
    mesh = MeshTri(squares.p, np.concatenate(halves, axis=1))
    radius = 1.2 / cells
    for level in range(levels):
        x, y = mesh.p[:, mesh.t].mean(axis=1)
        away = np.hypot(np.minimum(x, 1 - x), 1 - y)
        mesh = mesh.refined(np.flatnonzero(away < radius * 0.5**level))
    return mesh
