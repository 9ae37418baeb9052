"""One list of domains that every general property is tested on."""

from dataclasses import dataclass
from math import pi, sqrt

import pytest

from pdenet.geometry import (
    Ball,
    Box,
    Disk,
    Domain,
    Ellipse,
    Interval,
    Parameters,
    Polygon,
    Triangle,
)

SQUARE = Box(x=(0, 1), y=(0, 1))
CUBE = Box(x=(-1, 1), y=(-1, 1), z=(-1, 1))
TRIANGLE = Triangle((0, 0), (1, 0), (0, 1))
L_SHAPE = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]
COMB = [
    (0, 0),
    (5, 0),
    (5, 3),
    (4, 3),
    (4, 1),
    (3, 1),
    (3, 2),
    (2, 2),
    (2, 1),
    (1, 1),
    (1, 3),
    (0, 3),
]
STAR = [(3, 0), (1, 1), (0, 3), (-1, 1), (-3, 0), (-1, -1), (0, -3), (1, -1)]


@dataclass(frozen=True)
class Case:
    """A domain with its measures in closed form.

    ``surface`` None: no spatial boundary. ``rough``: integrals come from points drawn, not from a
    Gauss rule, and measures of surfaces may be estimates; the relative error expected.
    """

    name: str
    domain: Domain
    measure: float
    surface: float | None
    rough: float = 0.0


def disks() -> Domain:
    domain: Domain = Box(x=(-1, 1), y=(-1, 1))
    for center in ((-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0.5, 0.5)):
        domain = domain - Disk(center, 0.25)
    return domain


LENS = 2 * (pi / 3 - sqrt(3) / 4)  # two unit disks, centres one apart
CASES = [
    Case("interval", Interval(x=(-1, 2)), 3, 2),
    Case("square", SQUARE, 1, 4),
    Case("box", Box(x=(0, 1), y=(-1, 1), z=(0, 3)), 6, 2 * (2 + 3 + 6)),
    Case("box-5d", Box(**{f"x{i}": (0, 1 + i) for i in range(5)}), 120, 240 * (137 / 60), 2e-2),
    Case("box-time", Box(x=(0, 2), t=(0, 3)), 6, 6),
    Case("box-parameters", SQUARE * Parameters(nu=(1, 3)), 2, 8),
    Case("disk", Disk((1, -1), 2), 4 * pi, 4 * pi),
    Case("ball", Ball((0, 1, 2), 2), 32 * pi / 3, 16 * pi),
    Case("ball-4d", Ball((0, 0, 0, 1), 1, coordinates="abcd"), pi**2 / 2, 2 * pi**2),
    Case("ellipse", Ellipse((1, 0), (1, 1), angle=0.3), pi, 2 * pi),
    # Ramanujan's perimeter would not do: 9.688448220547675 is 8 E(3/4), from tables.
    Case("long-ellipse", Ellipse((1, 0), (2, 1), angle=0.7), 2 * pi, 9.688448220547675),
    Case("triangle", TRIANGLE, 0.5, 2 + sqrt(2)),
    Case("polygon-l", Polygon(L_SHAPE), 3, 8),
    Case("polygon-comb", Polygon(COMB), 10, 22),
    Case("polygon-star", Polygon(STAR), 12, 8 * sqrt(5)),
    Case("disk-time", Disk((0, 0), 1) * Interval(t=(0, 2)), 2 * pi, 4 * pi),
    Case("cylinder", Disk((0, 0), 1) * Interval(z=(0, 3)), 3 * pi, 8 * pi),
    Case("square-rotated", SQUARE.rotate(0.4, about=(1, 2)), 1, 4),
    Case("box-rotated", Box(x=(0, 1), y=(0, 2), z=(0, 3)).rotate(1, plane=("y", "z")), 6, 22),
    Case("triangle-moved", TRIANGLE.rotate(2.0).translate(x=3), 0.5, 2 + 2**0.5),
    Case("l-difference", Box(x=(0, 2), y=(0, 2)) - Box(x=(1, 2), y=(1, 2)), 3, 8, 5e-3),
    Case("l-union", Box(x=(0, 2), y=(0, 1)) | Box(x=(0, 1), y=(0, 2)), 3, 8, 5e-3),
    Case("square-disks", disks(), 4 - pi / 4, 8 + 2 * pi, 5e-3),
    Case("annulus", Disk((0, 0), 1) - Disk((0, 0), 0.5), 0.75 * pi, 3 * pi, 5e-3),
    Case("lens", Disk((0, 0), 1) & Disk((1, 0), 1), LENS, 4 * pi / 3, 5e-3),
    Case("two-disks", Disk((0, 0), 1) | Disk((1, 0), 1), 2 * pi - LENS, 8 * pi / 3, 5e-3),
    Case("interval-gap", Interval(x=(0, 3)) - Interval(x=(1, 2)), 2, 4, 5e-3),
    Case("cube-ball", CUBE - Ball((0, 0, 0), 0.5), 8 - pi / 6, 24 + pi, 1e-2),
    Case(
        "cube-corner",
        Box(x=(0, 1), y=(0, 1), z=(0, 1)) - Ball((0, 0, 0), 0.5),
        1 - pi / 48,
        6 - 3 * pi / 16 + pi / 8,
        1e-2,
    ),
    # Two unit balls, centres one apart: a lens of two caps of height 1/2.
    Case("balls", Ball((0, 0, 0), 1) & Ball((0, 0, 1), 1), 5 * pi / 12, 2 * pi, 1e-2),
    Case(
        "rotated-cut",
        (Box(x=(-2, 2), y=(-1, 1)) - Disk((0, 1), 0.5)).rotate(0.3).translate(x=1),
        8 - pi / 8,
        12 - 1 + pi / 2,
        5e-3,
    ),
    Case(
        "half-disk",
        Disk((0, 0), 1) & Box(x=(0.5, 2), y=(-2, 2)),
        pi / 3 - sqrt(3) / 4,
        2 * pi / 3 + sqrt(3),
        5e-3,
    ),
]


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.fixture(params=[c for c in CASES if c.surface is not None], ids=lambda case: case.name)
def walled(request: pytest.FixtureRequest) -> Case:
    return request.param
