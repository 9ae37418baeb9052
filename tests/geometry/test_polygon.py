import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pdenet.geometry import Disk, Interval, Polygon, Segment, Triangle
from pdenet.geometry.formulas import evaluate
from pdenet.geometry.halfplanes import half_plane_formula
from pdenet.geometry.simplepolygon import triangulate

OUTER = [(0, 0), (6, 0), (6, 5), (1, 5), (1, 2), (4, 2), (4, 3), (2, 3)]
SPIRAL = [*OUTER, (2, 4), (5, 4), (5, 1), (0, 1)]


@st.composite
def stars(draw) -> list[tuple[float, float]]:
    """Star-shaped polygons: simple by construction, mostly not convex."""
    n = draw(st.integers(3, 14))
    shifts = draw(st.lists(st.floats(0.1, 0.9), min_size=n, max_size=n))
    radii = draw(st.lists(st.floats(0.2, 3), min_size=n, max_size=n))
    angles = [2 * math.pi * (k + s) / n for k, s in enumerate(shifts)]
    return [(r * math.cos(a), r * math.sin(a)) for r, a in zip(radii, angles, strict=True)]


def shoelace(vertices) -> float:
    pairs = zip(vertices, [*vertices[1:], vertices[0]], strict=True)
    return 0.5 * sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairs)


def winding(vertices, x: torch.Tensor) -> torch.Tensor:
    """Membership by angles: slow, and another way than crossings."""
    corners = torch.tensor(vertices)
    away = corners[None] - x[:, None]
    after = away.roll(-1, 1)
    turn = torch.atan2(
        away[..., 0] * after[..., 1] - away[..., 1] * after[..., 0], (away * after).sum(-1)
    )
    return turn.sum(1).abs() > math.pi


@given(stars())
def test_triangles_make_up_the_area(vertices):
    # Rounding of areas of order one.
    assert Polygon(vertices).measure == pytest.approx(shoelace(vertices), rel=1e-12)


@given(stars(), st.booleans())
def test_membership_is_the_winding_number(vertices, clockwise):
    polygon = Polygon(vertices[::-1] if clockwise else vertices)
    x = 4 * torch.rand(200, 2) - 2
    assert torch.equal(polygon.contains(x), winding(vertices, x))


@given(stars())
def test_half_planes_make_up_the_polygon(vertices):
    formula = half_plane_formula(torch.tensor(vertices), ("x", "y"))
    x = 4 * torch.rand(400, 2) - 2
    inside = evaluate(formula, {"x": x[:, 0], "y": x[:, 1]}) > 0
    assert torch.equal(inside, winding(vertices, x))


@pytest.mark.parametrize("turn", [0.0, 0.3, 1.57, 2.5, 4.0])
def test_a_spiral_turned_any_way(turn):
    polygon = Polygon(SPIRAL).rotate(turn)
    assert polygon.measure == pytest.approx(shoelace(SPIRAL), rel=1e-13)
    assert polygon.boundary.has_distance
    x = 16 * torch.rand(2000, 2) - 8
    level = polygon.level({"x": x[:, 0], "y": x[:, 1]})
    assert torch.equal(level > 0, polygon.contains(x))


def test_polygons_of_many_corners():
    angles = torch.arange(200) * (2 * math.pi / 200)
    polygon = Polygon(torch.stack([angles.cos(), angles.sin()], 1).tolist())
    assert polygon.measure == pytest.approx(100 * math.sin(2 * math.pi / 200), rel=1e-12)
    assert polygon.boundary.has_distance
    inside = polygon.sample(1000, seed=0).x
    values = polygon.boundary.distance(x=inside[:, 0], y=inside[:, 1])
    # A product of 200 distances would be 1e-60 here and there.
    assert float((values / (1 - inside.norm(dim=1))).min()) > 0.3


def test_triangle_rule_is_exact_to_its_degree():
    m = 5
    points = Triangle((0, 0), (1, 0), (0, 1)).quadrature(m * m)
    for a in range(2 * m):
        for b in range(2 * m - a):
            moment = float(points.weight @ (points["x"] ** a * points["y"] ** b))
            exact = math.factorial(a) * math.factorial(b) / math.factorial(a + b + 2)
            assert moment == pytest.approx(exact, rel=1e-12)


def test_faces_are_the_edges_of_constant_coordinates():
    comb = Polygon([(0, 0), (3, 0), (3, 2), (2, 2), (2, 1), (1, 1), (1, 2), (0, 2)])
    assert comb.face(y=2).measure == 2
    assert {label: face.measure for label, face in comb.faces.items()} == {
        "y=0": 3, "x=3": 2, "y=2": 2, "x=2": 1, "y=1": 1, "x=1": 1, "x=0": 2,
    }  # fmt: skip
    assert (comb * Interval(t=(0, 1))).face(x=3).sample(2, seed=0)["nx"].tolist() == [1, 1]
    with pytest.raises(ValueError, match="has no face y=3; it has y=0, x=3"):
        comb.face(y=3)


def test_straight_corners_do_no_harm():
    polygon = Polygon([(0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (0, 2)])
    assert polygon.measure == 4
    assert len(polygon.edges) == 6
    assert polygon.boundary.has_distance
    assert len(triangulate(torch.tensor(polygon.vertices))) == 4


@pytest.mark.parametrize(
    ("vertices", "message"),
    [
        ([(0, 0), (1, 1), (1, 0), (0, 1)], "edge 0 and edge 2 cross or touch"),
        ([(0, 0), (2, 0), (2, 2), (1, 0), (0, 2)], "cross or touch"),
        ([(0, 0), (1, 0)], "at least three vertices; got 2"),
        ([(0, 0), (1, 0), (2, 0)], "zero area"),
        ([(0, 0), (2, 0), (1, 0), (1, 1)], "turns back on itself|cross or touch"),
        ([(0, 0), (1, 0), (1, 1), (0, 0)], "Vertices 0 and 3 of the polygon are equal"),
        ([(0, 0), (1, 0), (0, float("nan"))], "must be finite"),
        ([(0, 0, 0), (1, 0, 0), (0, 1, 0)], "Vertex 0 must be 2 numbers"),
        ([], "at least three vertices; got 0"),
    ],
    ids=str,
)
def test_bad_polygons(vertices, message):
    with pytest.raises(ValueError, match=message):
        Polygon(vertices)


def test_bad_triangle():
    with pytest.raises(ValueError, match="zero area"):
        Triangle((0, 0), (1, 1), (2, 2))
    with pytest.raises(ValueError, match="has two coordinates"):
        Polygon([(0, 0), (1, 0), (0, 1)], coordinates=("x", "y", "z"))


def test_segments_have_normals_to_their_right():
    segment = Segment((0, 0), (3, 4))
    points = segment.sample(10, seed=0)
    assert segment.measure == 5
    assert points.normals is not None
    torch.testing.assert_close(points.normals, torch.tensor([[0.8, -0.6]]).expand(10, 2))
    line = Segment((0, 0, 0), (1, 2, 2), coordinates=("x", "y", "z"))
    assert (line.measure, line.sample(3, seed=0).normals) == (3, None)
    assert float(segment.quadrature(4).weight @ segment.quadrature(4)["x"] ** 7) == pytest.approx(
        5 * 3**7 / 8
    )


def test_bad_segments():
    with pytest.raises(ValueError, match="zero length"):
        Segment((1, 1), (1, 1))
    with pytest.raises(ValueError, match="Segment end must be 2 numbers"):
        Segment((0, 0), (1, 1, 1))


def test_polygons_with_holes():
    plate = Polygon([(0, 0), (4, 0), (0, 4)]) - Disk((1, 1), 0.5)
    assert plate.measure == pytest.approx(8 - math.pi / 4, rel=1e-9)
    assert plate.boundary.has_distance
