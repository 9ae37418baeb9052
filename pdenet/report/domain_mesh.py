"""Meshes of a domain for figures and files, fitted to curved boundaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from scipy.spatial import Delaunay, KDTree

from pdenet.geometry import Domain
from pdenet.report.mesh import Mesh, clip, extrude, grid
from pdenet.report.probe import Array, contains, to_array

LONGEST = 5.0  # ratio of the sides of a region up to which both get the same spacing
BISECTIONS = 40  # to the rounding of a coordinate


def domain_mesh(domain: Domain, n: int) -> Mesh:
    """A mesh of all coordinates of a domain of dimension three at most.

    Planar regions are meshed up to their boundary and swept through time and parameters; solid
    ones are grids of the cells inside.

    Args:
        domain: The domain.
        n: About how many points.

    Returns:
        The mesh, with its axes in the order space, time, parameters.

    Raises:
        ValueError: The domain has more than three coordinates.
    """
    names = axes_of(domain)
    if len(names) > 3:
        raise ValueError(
            f"A mesh has at most three coordinates; the domain has {names}. Write points instead."
        )
    middle = {name: sum(domain.bounds[name]) / 2 for name in names}
    if len(domain.space) != 2:
        return clip(grid(levels(domain, names, n)), domain, middle)
    swept = names[2:]
    per_plane = round(n ** (2 / len(names)))
    mesh = plane_mesh(domain, domain.space, middle, per_plane)
    for name in swept:
        mesh = extrude(mesh, name, np.linspace(*domain.bounds[name], _odd(n / per_plane)))
    return clip(mesh, domain, {}, fitted=True) if swept else mesh


def plane_mesh(domain: Domain, axes: tuple[str, ...], fixed: Mapping[str, float], n: int) -> Mesh:
    """A mesh of the part of a plane that lies in a domain, with triangles up to the boundary.

    Args:
        domain: The domain.
        axes: The two coordinates that vary.
        fixed: Values of the others.
        n: About how many points, were the region a rectangle.

    Returns:
        The mesh; empty where the plane misses the domain.
    """
    values = levels(domain, axes, n)
    mesh = grid(values)
    inside = contains(domain, mesh.columns(domain.coordinates, fixed))
    if inside.all():
        return mesh
    spacing = float(np.mean([v[1] - v[0] for v in values.values()]))
    # The plane that is all of space knows its boundary with its corners; a cut finds it.
    whole = axes == domain.space
    edge = boundary_points(domain, spacing) if whole else crossings(domain, mesh, inside, fixed)
    return _fitted(domain, fixed, mesh.points[inside], replace(mesh, points=edge), spacing)


def levels(domain: Domain, axes: Sequence[str], n: int) -> dict[str, Array]:
    """Grid values by coordinate, about n together: odd counts, and squares unless space is long.

    Args:
        domain: The domain.
        axes: Coordinates.
        n: About how many grid points together.

    Returns:
        Values by coordinate; the middle of each interval is among them.
    """
    lengths = {a: domain.bounds[a][1] - domain.bounds[a][0] for a in axes}
    spatial = [lengths[a] for a in axes if a in domain.space]
    each = n ** (1 / len(axes))
    square = spatial and max(spatial) <= LONGEST * min(spatial)
    mean = float(np.exp(np.mean(np.log(spatial)))) if square else 1.0
    ratio = {a: lengths[a] / mean if square and a in domain.space else 1.0 for a in axes}
    return {a: np.linspace(*domain.bounds[a], _odd(each * ratio[a])) for a in axes}


def axes_of(domain: Domain) -> tuple[str, ...]:
    """All coordinates in the order space, time, parameters."""
    times = () if domain.time is None else (domain.time,)
    return (*domain.space, *times, *domain.parameters)


def boundary_points(domain: Domain, spacing: float) -> Array:
    """Points along the boundary of a planar region, about ``spacing`` apart, ends included.

    Args:
        domain: Domain whose space is a plane.
        spacing: Distance wanted, in the coordinates' units.

    Returns:
        Shape (n, 2).
    """
    columns = [domain.coordinates.index(name) for name in domain.space]
    found = []
    for piece in domain.boundary.pieces():
        # Along each side of the unit cube in turn: the sides that are time or parameters stay
        # in place, and thinning takes their copies away.
        steps = int(np.clip(4 * piece.measure / spacing, 16, 4_000))
        for side in range(piece.unit):
            u = torch.full((steps + 1, piece.unit), 0.5, dtype=torch.float64)
            u[:, side] = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
            placed = piece.place(u)
            x = placed.x if placed.keep is None else placed.x[placed.keep]
            if len(x):
                found.append(_thin(to_array(x)[:, columns], 0.6 * spacing))
    return _thin(np.concatenate(found), 0.2 * spacing) if found else np.zeros((0, 2))


def crossings(domain: Domain, mesh: Mesh, inside: Array, fixed: Mapping[str, float]) -> Array:
    """Where the edges of a mesh leave a domain, found by bisection.

    Args:
        domain: The domain.
        mesh: Planar, of quads.
        inside: Mask of the points that lie in the domain.
        fixed: Coordinates that the mesh does not span.

    Returns:
        Points of the domain next to its boundary, shape (n, 2).
    """
    sides = np.concatenate([mesh.cells[:, [i, (i + 1) % 4]] for i in range(4)])
    sides = sides[inside[sides].sum(axis=1) == 1]
    order = np.argsort(inside[sides], axis=1)
    outer, inner = mesh.points[np.take_along_axis(sides, order, axis=1).T]
    for _ in range(BISECTIONS):
        middle = (inner + outer) / 2
        columns = replace(mesh, points=middle).columns(domain.coordinates, fixed)
        within = contains(domain, columns)[:, None]
        inner, outer = np.where(within, middle, inner), np.where(within, outer, middle)
    return np.unique(inner, axis=0)


def _fitted(
    domain: Domain, fixed: Mapping[str, float], interior: Array, like: Mesh, spacing: float
) -> Mesh:
    """Delaunay triangles between boundary (``like``) and inner points, less those outside."""
    edge = like.points
    if len(edge):
        apart, _ = KDTree(edge).query(interior)
        interior = interior[apart > 0.5 * spacing]
    points = np.concatenate([edge, interior])
    if len(points) < 3:
        return replace(like, points=points, kind="triangle", cells=np.zeros((0, 3), dtype=int))
    cells = Delaunay(points).simplices
    sides = points[cells[:, 1:]] - points[cells[:, :1]]
    area = 0.5 * (sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0])
    # Boundary points in a row leave triangles without area.
    solid = cells[np.abs(area) > 1e-6 * spacing**2]
    mesh = replace(like, points=points, kind="triangle", cells=solid)
    return clip(mesh, domain, fixed, fitted=True)


def _thin(points: Array, spacing: float) -> Array:
    """Points in their order, each at least ``spacing`` away from those kept before."""
    tree, dropped, kept = KDTree(points), np.zeros(len(points), dtype=bool), []
    for i, near in enumerate(tree.query_ball_point(points, spacing)):
        if not dropped[i]:
            kept.append(i)
            dropped[near] = True
    return points[kept]


def _odd(n: float) -> int:
    return 2 * max(2, round((n - 1) / 2)) + 1
