import math

import pytest
import torch

from pdenet.geometry import Box, Disk, Interval, Point, Segment

CHANNEL = Box(x=(0, 4), y=(0, 1), t=(0, 2))


def test_parts_of_curves_are_cut_exactly():
    circle = Disk((0, 0), 1).boundary
    right = circle.where(lambda x: x > 0.5, "outlet")
    assert right.measure == pytest.approx(2 * math.pi / 3, rel=1e-12)
    assert right.label == "outlet"
    points = right.sample(500, seed=0)
    assert bool((points["x"] > 0.5).all())
    assert float(right.quadrature(40).weight @ right.quadrature(40)["x"]) == pytest.approx(
        math.sqrt(3), rel=1e-12
    )


def test_parts_of_surfaces_have_estimated_measures():
    outlet = CHANNEL.face(x=4).where(lambda y, t: y + t > 1, "late outlet")
    assert outlet.measure == pytest.approx(1.5, rel=1e-3)
    points = outlet.sample(1000, seed=0)
    assert bool(((points["y"] + points["t"] > 1) & (points["x"] == 4)).all())
    assert bool((points["nx"] == 1).all())
    assert float(points.weight.sum()) == pytest.approx(outlet.measure, rel=1e-12)


def test_parts_of_products_leave_time_alone():
    wall = (Disk((0, 0), 1) * Interval(t=(0, 2))).boundary
    upper = wall.where(lambda y: y > 0, "upper")
    assert upper.measure == pytest.approx(2 * math.pi, rel=1e-12)
    later = upper.at_time(2, 3)
    assert later.measure == pytest.approx(math.pi, rel=1e-12)
    assert (later.bounds["t"], later.label) == ((2, 3), "upper")


def test_parts_in_time_move_with_the_interval():
    part = Box(x=(0, 1), t=(0, 2)).face(x=0).where(lambda t: t > 1, "second half")
    assert part.measure == pytest.approx(1, rel=1e-9)
    assert part.at_time(0, 4).measure == pytest.approx(3, rel=1e-9)


def test_parts_of_boundaries_and_interiors():
    walls = CHANNEL.boundary.where(lambda y: (y == 0) | (y == 1), "plates")
    assert walls.measure == pytest.approx(16)
    assert bool((walls.sample(200, seed=0)["ny"].abs() == 1).all())
    half = CHANNEL.interior.where(lambda x: x < 1, "inflow region")
    assert half.measure == pytest.approx(2, rel=1e-3)
    assert half.dimension == 3
    assert bool((half.sample(200, seed=1)["x"] < 1).all())


def test_parts_of_parts():
    arc = Disk((0, 0), 1).boundary.where(lambda x: x > 0, "right").where(lambda y: y > 0, "quarter")
    assert (arc.measure, arc.label) == (pytest.approx(math.pi / 2, rel=1e-12), "quarter")


def test_parts_of_points():
    ends = Interval(x=(-1, 2)).boundary.where(lambda x: x > 0, "right end")
    points = ends.sample(10, seed=0)
    assert (points.x.tolist(), points["nx"].tolist()) == ([[2]], [1])
    gauges = Point(x=0, y=1) * Interval(t=(0, 1))
    assert gauges.where(lambda t: t > 0.25, "late").measure == pytest.approx(0.75, rel=1e-9)


def test_predicates_may_take_all_coordinates():
    part = Segment((0, 0), (2, 0)).where(lambda **c: c["x"] < 0.5, "start")
    assert part.measure == pytest.approx(0.5, rel=1e-12)


@pytest.mark.parametrize(
    ("predicate", "message"),
    [
        (lambda x: x > 9, "'part' is empty: its predicate holds nowhere"),
        (lambda z: z > 0, r"asks for \['z'\]"),
        (lambda x: True, r"shape \(\d+,\); got shape \(\)"),
        (lambda x: x[:, None] > 0, "one truth value a point"),
        (3, "needs a function"),
    ],
)
def test_bad_predicates(predicate, message):
    for region in (
        CHANNEL.boundary,
        CHANNEL,
        Disk((0, 0), 1).boundary.__class__ and CHANNEL.initial,
    ):
        with pytest.raises(ValueError, match=message):
            region.where(predicate, "part")


def test_a_part_too_small_to_draw_from_is_refused():
    with pytest.raises(ValueError, match="is empty"):
        CHANNEL.where(lambda x, y, t: (x - 1) ** 2 + (y - 0.5) ** 2 + t**2 < 1e-12, "speck")


def test_parts_are_pure():
    part = CHANNEL.boundary.where(lambda x, y: x > y, "part")
    assert torch.equal(part.sample(50, seed=1).x, part.sample(50, seed=1).x)
