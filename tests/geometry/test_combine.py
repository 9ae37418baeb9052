import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pdenet.geometry import Ball, Box, Disk, Ellipse, Interval, Parameters, Polygon, Triangle
from pdenet.geometry.formulas import HalfSpace, Node, join, literals_of, negate
from pdenet.geometry.overlaps import exact_measure

UNIT = Box(x=(0, 1), y=(0, 1))
# Curves are cut where membership changes 1e-12 off them, and where they touch, at its square root;
# a measure adds up several such places.
CUT, TOUCH = 1e-10, 5e-5


@st.composite
def shapes(draw):
    x, y = draw(st.floats(-1, 1)), draw(st.floats(-1, 1))
    a, b = draw(st.floats(0.3, 1.5)), draw(st.floats(0.3, 1.5))
    kind = draw(st.sampled_from(["box", "disk", "ellipse", "triangle"]))
    if kind == "box":
        return Box(x=(x, x + a), y=(y, y + b))
    if kind == "disk":
        return Disk((x, y), a)
    if kind == "ellipse":
        return Ellipse((x, y), (a, b), angle=x)
    return Triangle((x, y), (x + a, y + 0.1), (x, y + b))


@given(shapes(), shapes(), st.floats(0, 3))
def test_measures_add_up(first, second, angle):
    """|A| + |B| = |A or B| + |A and B|, and |A| = |A and B| + |A - B|; the same for boundaries."""
    second = second.rotate(angle)
    try:
        union, both, rest = first | second, first & second, first - second
    except ValueError:  # empty
        return
    total = first.measure + second.measure
    assert union.measure + both.measure == pytest.approx(total, rel=TOUCH)
    assert both.measure + rest.measure == pytest.approx(first.measure, rel=TOUCH)
    walls = first.boundary.measure + second.boundary.measure
    assert union.boundary.measure + both.boundary.measure == pytest.approx(walls, rel=TOUCH)


@settings(max_examples=12)  # each cuts many curves
@given(shapes(), shapes(), shapes())
def test_membership_is_boolean_algebra(a, b, c):
    x = 4 * torch.rand(200, 2) - 2
    try:
        whole = (a | b) - c
    except ValueError:
        return
    expected = (a.contains(x) | b.contains(x)) & ~c.contains(x)
    assert torch.equal(whole.contains(x), expected)


@settings(max_examples=12)
@given(shapes(), shapes(), shapes())
def test_levels_and_distances_know_inside_from_outside(a, b, c):
    try:
        whole = (a - b) | c
    except ValueError:
        return
    x = 4 * torch.rand(300, 2) - 2
    level = whole.level({"x": x[:, 0], "y": x[:, 1]})
    assert torch.equal(level > 0, whole.contains(x))
    if not whole.boundary.has_distance:  # c touches the hole without overlap
        return
    walls = whole.boundary.sample(200, seed=0).x
    distance = whole.boundary.distance(x=walls[:, 0], y=walls[:, 1])
    # Ends of cut curves are uncertain; all else is rounding.
    assert float(distance.abs().max()) < TOUCH


def test_coinciding_edges_are_counted_once():
    """Of two boundaries that coincide the union has one where they face one way, none where not."""
    assert (UNIT | Box(x=(1, 2), y=(0, 1))).boundary.measure == pytest.approx(6)
    assert (UNIT | Box(x=(0, 2), y=(0, 1))).boundary.measure == pytest.approx(6)
    assert (UNIT & Box(x=(0, 2), y=(0, 1))).boundary.measure == pytest.approx(4)
    assert (UNIT - Box(x=(0.5, 1), y=(0, 1))).boundary.measure == pytest.approx(3)
    assert (UNIT | UNIT.translate(x=0.5)).boundary.measure == pytest.approx(5)


def test_measures_in_three_dimensions():
    cube = Box(x=(0, 2), y=(0, 2), z=(0, 2))
    # Inclusion and exclusion where shapes are boxes, apart, or inside a box.
    frame = cube - Box(x=(0.5, 1.5), y=(0.5, 1.5), z=(-1, 3))
    assert frame.measure == pytest.approx(6, rel=1e-14)
    two = Ball((0.5, 0.5, 0.5), 0.5) | Ball((1.5, 1.5, 1.5), 0.5)
    assert (cube - two).measure == pytest.approx(8 - math.pi / 3, rel=1e-14)
    # Elsewhere an estimate: an eighth of a ball at a corner.
    corner = cube - Ball((0, 0, 0), 1)
    assert exact_measure(corner) is None  # type: ignore[arg-type]
    assert corner.measure == pytest.approx(8 - math.pi / 6, rel=1e-3)
    assert corner.boundary.measure == pytest.approx(24 - 3 * math.pi / 4 + math.pi / 2, rel=1e-3)


def test_many_holes_stay_quick_and_exact():
    plate = Box(x=(0, 10), y=(0, 10))
    domain = plate
    for i in range(5):
        for j in range(5):
            domain = domain - Disk((2 * i + 1, 2 * j + 1), 0.5)
    assert domain.measure == pytest.approx(100 - 25 * math.pi / 4, rel=1e-13)
    assert domain.boundary.measure == pytest.approx(40 + 25 * math.pi, rel=1e-13)


def test_faces_of_the_parts_are_faces_of_the_whole():
    domain = UNIT - Disk((0, 0.5), 0.25)
    assert domain.face(x=0).measure == pytest.approx(0.5, rel=CUT)
    assert domain.face(x=0).label == "x=0"
    assert domain.face(x=1).measure == pytest.approx(1, rel=1e-14)
    step = UNIT - Box(x=(0.5, 2), y=(0.5, 2))
    assert step.face(x=0.5).measure == pytest.approx(0.5, rel=CUT)
    assert step.face(x=0.5).sample(2, seed=0)["nx"].tolist() == [1, 1]
    # The line x = 0.5 cuts the domain: its distance would vanish inside.
    assert not step.face(x=0.5).has_distance
    with pytest.raises(ValueError, match="no face x=2"):
        step.face(x=2)
    both = (domain * Interval(t=(0, 2))).face(x=1, t=0)
    assert both.label == "x=1, t=0"
    assert both.measure == pytest.approx(2 + domain.measure, rel=1e-12)


def test_products_of_combinations():
    domain = (UNIT - Disk((0.5, 0.5), 0.25)) * Interval(t=(0, 2)) * Parameters(nu=(1, 2))
    area = 1 - math.pi / 16
    assert domain.measure == pytest.approx(2 * area, rel=1e-12)
    assert domain.boundary.measure == pytest.approx(2 * (4 + math.pi / 2), rel=1e-12)
    points = domain.boundary.sample(300, seed=0)
    assert points.normals is not None
    assert points.normals.shape == (300, 2)
    assert bool(domain.contains(domain.sample(200, seed=0).x).all())
    assert float(domain.quadrature(1000).weight.sum()) == pytest.approx(2 * area, rel=1e-12)


def test_products_of_two_combinations():
    ring = Disk((0, 0), 1) - Disk((0, 0), 0.5)
    other = Box(z=(0, 2), w=(0, 1)) - Disk((1, 0.5), 0.25, coordinates=("z", "w"))
    domain = ring * other
    assert domain.measure == pytest.approx(ring.measure * other.measure, rel=1e-12)
    assert bool(domain.contains(domain.sample(500, seed=0).x).all())
    assert bool(domain.contains(domain.quadrature(500).x).all())
    walls = domain.boundary.sample(500, seed=0)
    assert walls.normals is not None
    torch.testing.assert_close(walls.normals.norm(dim=1), torch.ones(500), rtol=1e-13, atol=0)


def test_cylinders_with_holes():
    cylinder = Disk((0, 0), 1) * Interval(z=(0, 2))
    tube = cylinder - Disk((0, 0), 0.5) * Interval(z=(-1, 3))
    # The difference of two products is estimated.
    assert tube.measure == pytest.approx(1.5 * math.pi, rel=1e-3)
    assert tube.boundary.measure == pytest.approx(2 * 0.75 * math.pi + 6 * math.pi, rel=2e-3)
    assert tube.boundary.has_distance


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: UNIT - Box(x=(-1, 2), y=(-1, 2)), "is empty"),
        (lambda: UNIT & Disk((5, 5), 1), "do not overlap"),
        (lambda: UNIT & Disk((1.65, 1.65), 0.9), "is empty"),
        (lambda: UNIT - UNIT, "is empty"),
        (lambda: UNIT & Box(x=(1, 2), y=(0, 1)), "do not overlap"),
        (lambda: Box(x=(0, 1), t=(0, 1)) - Box(x=(0, 1), t=(0, 1)), "domains of space only"),
        (lambda: UNIT - Interval(x=(0, 1)), "give both the same"),
        (lambda: UNIT | Box(y=(0, 1), x=(0, 1)), "in the same order"),
        (lambda: Ball((0, 0, 0), 1) - Ball((0, 0, 0), 2), "is empty"),
    ],
)
def test_bad_combinations(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_only_domains_combine():
    with pytest.raises(TypeError):
        _ = UNIT - UNIT.boundary
    with pytest.raises(TypeError):
        _ = UNIT & 3


A, B, C = (HalfSpace({"x": 1.0}, float(k)) for k in range(3))


def holds(formula, x: float) -> bool:
    if isinstance(formula, Node):
        parts = [holds(part, x) for part in formula.parts]
        return all(parts) if formula.kind == "and" else any(parts)
    return formula({"x": x}) > 0


def formulas():
    literals = st.sampled_from([A, B, C, -A, -B, -C])
    return st.recursive(
        literals,
        lambda f: st.tuples(
            st.sampled_from(["and", "or"]), st.lists(f, min_size=1, max_size=3)
        ).map(lambda t: join(*t)),
        max_leaves=8,
    )


@given(st.sampled_from(["and", "or"]), st.lists(formulas(), min_size=1, max_size=4))
def test_simplification_keeps_the_meaning(kind, parts):
    formula = join(kind, parts)
    for x in (-3.0, -1.5, -0.5, 0.5):
        values = [holds(part, x) for part in parts]
        assert holds(formula, x) == (all(values) if kind == "and" else any(values))
        assert holds(negate(formula), x) != holds(formula, x)


def test_simplification_drops_what_is_known():
    assert join("and", [A, A]) == A
    assert join("and", [A, join("or", [A, B])]) == A
    assert join("and", [A, join("or", [-A, B])]) == join("and", [A, B])
    shared = join("or", [join("and", [A, B]), join("and", [A, C])])
    assert shared == join("and", [A, join("or", [B, C])])
    assert literals_of(join("or", [A, join("and", [B, join("or", [A, C])])])) == {A, B, C}


def test_unknown_shapes_combine_without_a_distance():
    class Blob(Disk):
        def _formula(self):
            return None

    blob = UNIT - Blob((0.5, 0.5), 0.25)
    assert blob.measure == pytest.approx(1 - math.pi / 16, rel=1e-12)
    assert not blob.boundary.has_distance
    assert not blob.rotate(1).boundary.has_distance
    with pytest.raises(ValueError, match="no formula of simple shapes"):
        blob.level({"x": torch.zeros(1), "y": torch.zeros(1)})


def test_a_sliver_is_found_or_refused():
    sliver = UNIT - Polygon([(-1, -1), (2, -1), (2, 0.999), (-1, 0.999)])
    assert sliver.measure == pytest.approx(1e-3, rel=1e-5)
    assert len(sliver.sample(100, seed=0)) == 100
