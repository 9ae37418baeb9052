"""Meshes cover their region: areas, volumes, orientation, corners."""

import math

import numpy as np
import pytest

from pdenet.geometry import Ball, Box, Disk, Interval, Parameters, Polygon, Triangle
from pdenet.report.domain_mesh import domain_mesh, levels, plane_mesh
from pdenet.report.mesh import Mesh


def area(mesh: Mesh) -> float:
    a, b, c = (mesh.points[mesh.triangles[:, i]] for i in range(3))
    cross = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    assert (cross > 0).all(), "a cell is turned over"
    return float(cross.sum() / 2)


def prisms(mesh: Mesh) -> np.ndarray:
    """Signed volumes of upright hexahedra or wedges, in VTK's order of vertices."""
    half = mesh.cells.shape[1] // 2
    base, top = mesh.points[mesh.cells[:, :half]], mesh.points[mesh.cells[:, half:]]
    x, y = base[..., 0], base[..., 1]
    shoelace = (x * np.roll(y, -1, 1) - y * np.roll(x, -1, 1)).sum(1) / 2
    return shoelace * (top - base)[:, 0, 2]


REGIONS = {
    "square": (Box(x=(0, 1), y=(0, 1)), 1.0),
    "channel": (Box(x=(0, 10), y=(0, 1)), 10.0),
    "l-shape": (Polygon([(-1, -1), (0, -1), (0, 0), (1, 0), (1, 1), (-1, 1)]), 3.0),
    "triangle": (Triangle((0, 0), (1, 0.1), (0.4, 0.9)), 0.43),
}


@pytest.mark.parametrize(("domain", "exact"), REGIONS.values(), ids=REGIONS)
def test_straight_regions_are_covered_with_their_corners(domain, exact):
    mesh = plane_mesh(domain, ("x", "y"), {}, 900)
    # Straight sides with their ends among the points: round-off only.
    assert area(mesh) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.1], ids=["disk", "annulus"])
def test_curved_regions_are_covered_to_second_order(shift):
    disk = Disk(center=(0, 0), radius=1)
    domain, exact = disk, math.pi
    if shift:
        domain, exact = disk - Disk(center=(shift, 0), radius=0.4), math.pi * (1 - 0.16)
    n = np.array([400, 6_400])
    errors = [abs(area(plane_mesh(domain, ("x", "y"), {}, int(k))) - exact) for k in n]
    # Chords cut off O(h^2) and h halves twice; the factor scatters with where points fall.
    assert errors[1] < errors[0] / 8
    assert errors[1] < 3e-3


def test_a_cut_through_a_solid_is_fitted_to_its_boundary():
    mesh = plane_mesh(Ball(center=(0, 0, 0), radius=1), ("x", "z"), {"y": 0.6}, 2_500)
    radii = np.linalg.norm(mesh.points, axis=1)
    assert radii.max() == pytest.approx(0.8, abs=1e-9)  # bisection to round-off
    assert area(mesh) == pytest.approx(math.pi * 0.64, rel=5e-3)  # chords of 1/20 of the radius


def test_a_plane_that_misses_the_domain_is_empty():
    mesh = plane_mesh(Ball(center=(0, 0, 0), radius=1), ("x", "z"), {"y": 2.0}, 400)
    assert len(mesh.cells) == 0


def test_a_plane_domain_in_time_is_a_block_of_turned_wedges():
    domain = Disk(center=(0, 0), radius=1) * Interval(t=(0, 2))
    mesh = domain_mesh(domain, 3_000)
    assert (mesh.axes, mesh.kind) == (("x", "y", "t"), "wedge")
    volumes = prisms(mesh)
    # VTK's wedge turns its base outwards: all signs are negative, and all the same.
    assert (volumes < 0).all()
    assert -volumes.sum() == pytest.approx(2 * math.pi, rel=2e-2)  # a polygon for a circle


def test_boxes_become_hexahedra_of_the_right_volume():
    mesh = domain_mesh(Box(x=(0, 1), y=(0, 2), t=(0, 3)), 2_000)
    assert (mesh.axes, mesh.kind) == (("x", "y", "t"), "hexahedron")
    volumes = prisms(mesh)
    assert (volumes > 0).all()
    assert volumes.sum() == pytest.approx(6.0, rel=1e-12)


def test_axes_are_space_then_time_then_parameters():
    domain = Parameters(nu=(0, 1)) * Box(t=(0, 1), x=(0, 1))
    mesh = domain_mesh(domain, 1_000)
    assert mesh.axes == ("x", "t", "nu")
    assert mesh.columns(domain.coordinates, {}).shape[1] == 3


def test_a_solid_is_a_grid_of_the_cells_inside():
    mesh = domain_mesh(Ball(center=(0, 0, 0), radius=1), 30_000)
    volume = prisms(mesh).sum()
    # Staircase of cells of side 1/15: less than the ball by a layer of half a cell or so.
    assert 0.85 * 4 / 3 * math.pi < volume < 4 / 3 * math.pi


def test_a_line_in_two_pieces_leaves_the_gap_out():
    domain = Interval(x=(0, 1)) - Interval(x=(0.4, 0.6))
    mesh = domain_mesh(domain, 101)
    lengths = np.diff(mesh.points[mesh.cells][:, :, 0], axis=1)
    assert lengths.sum() == pytest.approx(0.8, abs=0.03)  # a cell at each end
    middles = mesh.points[mesh.cells].mean(axis=(1, 2))
    assert not ((middles > 0.4) & (middles < 0.6)).any()


def test_four_coordinates_are_refused():
    with pytest.raises(ValueError, match="at most three"):
        domain_mesh(Box(x=(0, 1), y=(0, 1), z=(0, 1), t=(0, 1)), 100)


def test_grids_hold_the_middle_and_keep_squares_square():
    values = levels(Box(x=(0, 4), y=(0, 1)), ("x", "y"), 1_000)
    assert 2.0 in values["x"]
    steps = [np.diff(v)[0] for v in values.values()]
    assert steps[0] == pytest.approx(steps[1], rel=0.1)  # counts are rounded to odd numbers
