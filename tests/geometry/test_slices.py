"""Gauss rules on combinations in the plane."""

import math

import pytest
import torch

from pdenet.geometry import Box, Disk, Ellipse, Triangle

SQUARE = Box(x=(-1, 1), y=(-1, 1))
HOLE = SQUARE - Disk(center=(0.1, -0.2), radius=0.5)
L_SHAPE = SQUARE - Box(x=(0, 1), y=(0, 1))
LENS = Disk(center=(-0.5, 0), radius=1) & Disk(center=(0.5, 0), radius=1)
PIERCED = (SQUARE | Disk(center=(1, 0), radius=0.7)) - Ellipse((0.2, 0.1), (0.4, 0.2), angle=0.7)


def moment(points, p, q):
    return float(points.weight @ (points["x"] ** p * points["y"] ** q))


def disk_moment(center, radius, p, q):
    """Of x^p y^q over a disk, by its polar form."""
    total = 0.0
    for i in range(p + 1):
        for j in range(q + 1):
            if i % 2 or j % 2:
                continue
            beta = math.gamma((i + 1) / 2) * math.gamma((j + 1) / 2) / math.gamma((i + j + 2) / 2)
            share = math.comb(p, i) * math.comb(q, j) * center[0] ** (p - i) * center[1] ** (q - j)
            total += 2 * share * beta * radius ** (i + j + 2) / (i + j + 2)
    return total


def box_moment(p, q):
    return (1 - (-1) ** (p + 1)) / (p + 1) * (1 - (-1) ** (q + 1)) / (q + 1)


@pytest.mark.parametrize(("p", "q"), [(0, 0), (1, 0), (0, 3), (2, 4), (5, 1)])
def test_a_square_with_a_hole(p, q):
    """Smooth walls: round-off, with nodes inside and positive weights."""
    points = HOLE.quadrature(2000)
    exact = box_moment(p, q) - disk_moment((0.1, -0.2), 0.5, p, q)
    # Walls are met to the last bit of a 512th of their length.
    assert moment(points, p, q) == pytest.approx(exact, abs=1e-12)
    assert bool(HOLE.contains(points.x).all())
    assert bool((points.weight > 0).all())
    assert len(points) == pytest.approx(2000, rel=0.3)


def test_a_re_entrant_corner_is_an_end_of_panels():
    """Polynomials on polygons are exact with few nodes."""
    points = L_SHAPE.quadrature(60)
    exact = box_moment(2, 2) - 1 / 9
    assert moment(points, 2, 2) == pytest.approx(exact, rel=1e-2)
    assert moment(L_SHAPE.quadrature(600), 2, 2) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize(
    "region", [LENS, PIERCED, HOLE.rotate(0.3)], ids=["lens", "both", "turned"]
)
def test_integrals_agree_with_the_divergence_theorem(region):
    """Of div (sin x, cos y x) over the region, against the flux through its walls."""
    inside, edge = region.quadrature(3000), region.boundary.quadrature(3000)
    x, y = inside["x"], inside["y"]
    total = inside.weight @ (torch.cos(x) - x * torch.sin(y))
    x, y = edge["x"], edge["y"]
    flux = edge.weight @ (torch.sin(x) * edge["nx"] + torch.cos(y) * x * edge["ny"])
    # Corners are found to 1e-11 of a curve.
    assert float(total) == pytest.approx(float(flux), abs=1e-9)


@pytest.mark.parametrize("n", [1, 7, 40])
def test_few_nodes_measure_the_region_too(n):
    points = HOLE.quadrature(n)
    assert float(points.weight.sum()) == pytest.approx(HOLE.measure, rel=1e-12)
    assert bool(HOLE.contains(points.x).all())
    assert len(points) <= 4 * n + 16


def test_triangles_with_walls_along_the_slices():
    region = Triangle((0, 0), (1, 0), (0, 1)) | Box(x=(-1, 0.2), y=(-1, 0.2))
    x = region.quadrature(800)
    overlap = 0.2 * 0.2
    assert float(x.weight.sum()) == pytest.approx(0.5 + 1.44 - overlap, rel=1e-12)
    exact = 1 / 6 + 1.2 * (0.04 - 1) / 2 - 0.2 * 0.02
    assert moment(x, 1, 0) == pytest.approx(exact, rel=1e-10)
