"""Linear elliptic equations on polygons by finite elements."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from pdenet.geometry.simplepolygon import check_simple, triangulate
from pdenet.references.cache import Arrays
from pdenet.references.finite_elements import FiniteElements
from pdenet.references.piecewise import Triangulation, evaluate, lattice

Coefficient = float | Callable[[np.ndarray, np.ndarray], np.ndarray]

Function = Callable[[np.ndarray, np.ndarray], np.ndarray]

_MOST_TRIANGLES = 150_000


def elliptic_reference(
    corners: Sequence[tuple[float, float]],
    *,
    source: Coefficient,
    diffusion: Coefficient = 1.0,
    reaction: Coefficient = 0.0,
    boundary: Coefficient = 0.0,
    tolerance: float = 1e-4,
    field: str = "u",
    coordinates: tuple[str, str] = ("x", "y"),
) -> FiniteElements:
    r"""Solution of -div(a grad u) + c u = f on a polygon, u = g on its boundary.

    Quadratic elements on a mesh that is refined as a whole until two solutions in sequence agree;
    the finer one serves.

    Args:
        corners: The polygon's corners in order; it must not cross itself.
        source: f, a number or a numpy function of x and y; so are the other coefficients.
        diffusion: a, positive.
        reaction: c; where it is negative, its negative must not be an eigenvalue.
        boundary: g.
        tolerance: Largest relative L2 difference of the last two solutions.
        field: Name of the solution.
        coordinates: Names of both coordinates.

    Returns:
        The reference.

    Raises:
        ValueError: A polygon that crosses itself, coefficients that are not finite or a
            diffusion that is not positive, a tolerance out of range.

    Example:
        >>> plate = elliptic_reference([(0, 0), (1, 0), (1, 1), (0, 1)], source=1.0)
        >>> round(plate(x=torch.tensor([0.5]), y=torch.tensor([0.5]))["u"].item(), 4)
        0.0737
    """
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance is a relative accuracy between 0 and 1, not {tolerance}.")
    outline = check_simple(torch.as_tensor(corners, dtype=torch.float64))
    polygon = (outline.numpy(), triangulate(outline).numpy())
    data = {"diffusion": diffusion, "reaction": reaction, "source": source, "boundary": boundary}
    functions = {name: _function(coefficient) for name, coefficient in data.items()}
    samples = _sampled(polygon, functions)
    if samples["diffusion"].min() <= 0:
        raise ValueError(
            f"diffusion reaches {samples['diffusion'].min():g}, but must be positive everywhere."
        )

    def solve() -> Arrays:
        return _solve(polygon, functions, tolerance, field)

    content = ("elliptic", polygon[0], *samples.values(), tolerance, field)
    return FiniteElements((field,), tolerance, solve, content, coordinates)


def _function(coefficient: Coefficient) -> Function:
    if callable(coefficient):
        return lambda x, y: np.asarray(coefficient(x, y) + 0 * x)
    return lambda x, y: np.full_like(x, coefficient)


def _sampled(
    polygon: tuple[np.ndarray, np.ndarray], functions: Mapping[str, Function]
) -> dict[str, np.ndarray]:
    """Return values inside the polygon that tell these coefficients from others."""
    corners, triangles = polygon
    shares = np.random.default_rng(0).dirichlet(np.ones(3), (64, len(triangles)))
    x, y = np.einsum("mtk,tkd->dmt", shares, corners[triangles]).reshape(2, -1)
    samples = {}
    for name, function in functions.items():
        samples[name] = function(x, y)
        if samples[name].shape != x.shape or not np.isfinite(samples[name]).all():
            raise ValueError(
                f"{name} maps points of shape {x.shape} to shape {samples[name].shape} or to "
                f"values that are not finite. It must be a pointwise numpy function of x and y."
            )
    return samples


def _solve(
    polygon: tuple[np.ndarray, np.ndarray],
    functions: Mapping[str, Function],
    tolerance: float,
    field: str,
) -> Arrays:
    from pdenet.references.poisson import polygon_mesh, quadratic_solution

    mesh = polygon_mesh(*polygon).refined(2)
    coarse, measured = quadratic_solution(mesh, functions), np.inf
    while 4 * mesh.t.shape[1] <= _MOST_TRIANGLES:
        mesh = mesh.refined()
        fine = quadratic_solution(mesh, functions)
        measured = _distance(fine, coarse)
        if measured <= tolerance:
            values = {f"field {field}": fine["values"], "measured": np.array(measured)}
            return {**values, "corners": fine["corners"], "triangles": fine["triangles"]}
        coarse = fine
    raise ValueError(
        f"The finite elements did not converge: the last two meshes differ by {measured:.1e}, not "
        f"{tolerance:.1e}. Loosen the tolerance, or smooth coefficients that jump or oscillate."
    )


def _distance(fine: Arrays, coarse: Arrays) -> float:
    """Return the L2 difference relative to the fine solution, by the fine mesh's nodes."""
    a, b, c = (fine["corners"][fine["triangles"][:, i]] for i in range(3))
    s, t = lattice(2)[:, None, :, None]
    nodes = (a[:, None] + s * (b - a)[:, None] + t * (c - a)[:, None]).reshape(-1, 2)
    mesh = Triangulation(coarse["corners"], coarse["triangles"])
    values = evaluate(mesh, {"u": coarse["values"]}, *nodes.T)["u"].reshape(len(a), -1)
    area = np.abs(np.linalg.det(np.stack([b - a, c - a], axis=-1)))[:, None]
    difference = (area * (fine["values"] - values) ** 2).sum()
    return float(np.sqrt(difference / max((area * fine["values"] ** 2).sum(), 1e-300)))
