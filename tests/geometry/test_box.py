import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pdenet.geometry import Box, Disk, Interval, Parameters, Point

BOX = Box(x=(-1, 1), y=(0, 3), t=(0, 2))


def bounds_strategy():
    number = st.floats(-100, 100).map(lambda v: round(v, 3))
    return st.tuples(number, st.floats(0.01, 50)).map(lambda p: (p[0], p[0] + p[1]))


@given(st.lists(bounds_strategy(), min_size=1, max_size=4))
def test_a_box_and_its_faces_measure_what_they_should(intervals):
    names = ["x", "y", "z", "w"][: len(intervals)]
    box = Box(**dict(zip(names, intervals, strict=True)))
    lengths = [high - low for low, high in intervals]
    volume = float(torch.tensor(lengths).prod())
    assert box.measure == pytest.approx(volume, rel=1e-13)
    assert box.boundary.measure == pytest.approx(sum(2 * volume / s for s in lengths), rel=1e-13)
    for face in box.faces.values():
        assert face.sample(3, seed=0).weight.sum() == pytest.approx(face.measure, rel=1e-13)


@given(st.lists(bounds_strategy(), min_size=1, max_size=3), st.integers(1, 6))
def test_gauss_rules_are_exact_for_polynomials(intervals, m):
    names = ["x", "y", "z"][: len(intervals)]
    box = Box(**dict(zip(names, intervals, strict=True)))
    points = box.quadrature(m ** len(names))
    assert len(points) == m ** len(names)
    scaled = (points.x - box.low) / box.lengths
    k = 2 * m - 1
    moment = float(points.weight @ scaled.pow(k).prod(1))
    assert moment == pytest.approx(box.measure / (k + 1) ** len(names), rel=1e-11)


def test_faces_have_labels_that_faces_are_found_by():
    assert list(BOX.faces) == ["x=-1", "x=1", "y=0", "y=3", "t=0", "t=2"]
    assert BOX.face(x=1) == BOX.faces["x=1"]
    assert BOX.face(x=(-1, 1)).label == "x=-1, x=1"
    assert BOX.boundary.label == "boundary"
    assert BOX.interior is BOX
    assert BOX.interior.label == "interior"


def test_equal_faces_are_one_key():
    """Conditions on the same face share their points."""
    again = Box(x=(-1, 1), y=(0, 3), t=(0, 2))
    assert {BOX.face(x=1): 1}[again.face(x=1)] == 1
    assert BOX.boundary is BOX.boundary
    assert BOX.face(x=1) != BOX.face(x=-1)
    assert Box(x=(-1, 1), y=(0, 3), t=(0, 3)) != BOX


def test_boundary_is_that_of_space():
    points = BOX.boundary.sample(2000, seed=0)
    on_wall = (points["x"].abs() == 1) | (points["y"] == 0) | (points["y"] == 3)
    assert bool(on_wall.all())
    assert points.normals.shape == (2000, 2)
    assert bool((points["nx"] == torch.where(points["x"].abs() == 1, points["x"], 0)).all())


def test_faces_of_time_have_no_normals():
    assert BOX.initial.sample(5, seed=0).normals is None
    assert BOX.face(x=1, t=0).sample(5, seed=0).normals is None
    assert bool((BOX.initial.sample(5, seed=0)["t"] == 0).all())
    assert bool((BOX.final.sample(5, seed=0)["t"] == 2).all())


@pytest.mark.parametrize("method", ["uniform", "sobol", "latin-hypercube"])
def test_corner_policy_a_point_lies_on_one_face_only(method):
    """Faces are open: of two faces that disagree at a corner neither is asked there."""
    faces = BOX.face(x=(-1, 1), y=(0, 3), t=(0, 2))
    for points in (faces.sample(4096, seed=0, method=method), faces.quadrature(500)):
        touched = sum(
            (points[name] == value).long() for name, ends in BOX.bounds.items() for value in ends
        )
        assert bool((touched == 1).all())


def test_several_faces_get_points_by_measure():
    faces = BOX.face(x=1, y=0)  # areas 6 and 4
    share = float((faces.sample(1000, seed=0, method="sobol")["x"] == 1).double().mean())
    # One Sobol coordinate chooses: off by less than a handful of points.
    assert share == pytest.approx(0.6, abs=5e-3)


def test_a_face_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(ValueError, match="no face x=0; it has x=-1, x=1, y=0, y=3, t=0, t=2"):
        BOX.face(x=0)
    with pytest.raises(ValueError, match="no face z=0"):
        BOX.face(z=0)
    with pytest.raises(ValueError, match="needs a coordinate and a value"):
        BOX.face()
    with pytest.raises(ValueError, match="appears twice"):
        BOX.face(x=(1, 1))
    with pytest.raises(ValueError, match="must be a number; got 'left'"):
        BOX.face(x=["left"])
    with pytest.raises(ValueError, match="must be a number; got None"):
        BOX.face(x=None)
    with pytest.raises(ValueError, match="has no face nu=1"):
        (BOX * Parameters(nu=(1, 2))).face(nu=1)


def test_no_time_no_initial_face():
    with pytest.raises(ValueError, match=r"has no time, so no initial face. Multiply it by"):
        _ = Box(x=(0, 1)).initial
    with pytest.raises(ValueError, match="has no time"):
        Box(x=(0, 1)).boundary.at_time(0, 1)
    with pytest.raises(ValueError, match="has no time"):
        Disk((0, 0), 1).at_time(0, 1)


def test_no_space_no_boundary():
    with pytest.raises(ValueError, match=r"no spatial boundary. Initial values go on"):
        _ = Interval(t=(0, 1)).boundary


def test_at_time_moves_faces_of_time_along():
    later = BOX.at_time(2, 5)
    assert later.bounds == {"x": (-1, 1), "y": (0, 3), "t": (2, 5)}
    assert BOX.initial.at_time(2, 5) == later.initial
    assert BOX.final.at_time(2, 5) == later.final
    assert BOX.boundary.at_time(2, 5) == later.boundary
    assert BOX.face(x=(-1, 1)).at_time(2, 5) == later.face(x=(-1, 1))
    assert isinstance(Interval(t=(0, 1)).at_time(1, 2), Interval)
    with pytest.raises(ValueError, match="reversed"):
        BOX.at_time(5, 2)


def test_products_of_boxes_are_boxes():
    product = Interval(x=(-1, 1)) * Interval(y=(0, 3)) * Interval(t=(0, 2))
    assert product == BOX
    whole = BOX * Parameters(nu=(0.1, 1))
    assert isinstance(whole, Box)
    assert (whole.space, whole.time, whole.parameters) == (("x", "y"), "t", ("nu",))
    assert list(whole.faces) == list(BOX.faces)
    assert whole.boundary.sample(4, seed=0).normals.shape == (4, 2)


def test_products_of_disks_and_time():
    domain = Disk((0, 0), 1) * Interval(t=(0, 2)) * Parameters(nu=(1, 3))
    assert domain.coordinates == ("x", "y", "t", "nu")
    assert (domain.space, domain.time, domain.parameters) == (("x", "y"), "t", ("nu",))
    assert list(domain.faces) == ["t=0", "t=2"]
    assert domain.boundary.label == "boundary"
    assert domain.initial.label == "t=0"
    later = domain.at_time(2, 3)
    assert later.measure == pytest.approx(domain.measure / 2, rel=1e-14)
    assert later.bounds["t"] == (2, 3)
    assert domain.initial.at_time(2, 3).bounds["t"] == (2, 2)
    assert domain.boundary.at_time(2, 3).bounds["t"] == (2, 3)
    assert domain.initial == (Disk((0, 0), 1) * Interval(t=(0, 2)) * Parameters(nu=(1, 3))).initial


def test_normals_of_products_are_filled_up_with_zeros():
    pipe = Disk((0, 0), 1) * Interval(z=(0, 3))
    points = pipe.boundary.sample(500, seed=0)
    end = (points["z"] == 0) | (points["z"] == 3)
    assert bool((points["nz"].abs() == end.double()).all())
    side = (points["x"].hypot(points["y"]) - 1).abs() < 1e-14
    assert bool((side ^ end).all())
    assert list(pipe.faces) == ["z=0", "z=3"]
    assert pipe.face(z=3).sample(3, seed=0)["nz"].tolist() == [1, 1, 1]


def test_a_gauge_over_time():
    gauge = Point(x=0.5, y=0) * Interval(t=(0, 2))
    points = gauge.sample(10, seed=0)
    assert (gauge.dimension, gauge.measure, gauge.label) == (1, 2, "x=0.5, y=0")
    assert bool((points["x"] == 0.5).all())
    assert float(gauge.quadrature(5).weight @ gauge.quadrature(5)["t"] ** 9) == pytest.approx(102.4)


def test_unions_of_faces():
    two = BOX.face(x=1) | BOX.face(y=0)
    assert two == BOX.face(x=1, y=0)
    mixed = BOX.face(x=1) | Box(x=(1, 2), y=(0, 3), t=(0, 2)).face(x=2)
    assert mixed.measure == 12
    assert mixed.label == "x=1, x=2"
    assert mixed.at_time(0, 1).measure == 6
    with pytest.raises(ValueError, match="cannot be one: give each its own condition"):
        BOX.face(x=1) | Disk((0, 0), 1).boundary
    with pytest.raises(ValueError, match="appears twice"):
        BOX.face(x=1) | BOX.face(x=1)


def test_regions_are_immutable():
    with pytest.raises(AttributeError, match="immutable"):
        BOX.label = "room"


def test_repr_reads_like_the_call():
    assert repr(BOX) == "Box(x=(-1, 1), y=(0, 3), t=(0, 2))"
    assert repr(BOX.initial) == f"<t=0 of {BOX!r}>"


@pytest.mark.parametrize(
    ("intervals", "message"),
    [
        ({"x": (1, 0)}, "Bounds of 'x' has its bounds reversed: 1 > 0. Swap them"),
        ({"x": (1, 1)}, "zero measure"),
        ({"x": (1, 1 + 1e-16)}, "zero measure"),
        ({"x": (0, float("inf"))}, "must be finite"),
        ({"x": (float("nan"), 1)}, "must be finite"),
        ({"x": (0, 1, 2)}, "must be 2 numbers; got 3"),
        ({"x": 3}, "must be 2 numbers"),
        ({"x": ("a", 1)}, "must be a number; got 'a'"),
        ({"nx": (0, 1), "x": (0, 1)}, "name of the normal's component along 'x'"),
        ({"x y": (0, 1)}, "not a Python identifier"),
        ({"lambda": (0, 1)}, "not a Python identifier"),
        ({}, "at least one coordinate"),
        ({f"x{i}": (0, 1e-200) for i in range(2)}, "which a float cannot hold"),
        ({"x": (-1.7e308, 1.7e308)}, "longer than a float can say"),
    ],
    ids=str,
)
def test_bad_boxes(intervals, message):
    with pytest.raises(ValueError, match=message):
        Box(**intervals)


def test_bad_products_and_parameters():
    with pytest.raises(ValueError, match=r"\['x'\] appear more than once"):
        _ = BOX * Interval(x=(0, 1))
    with pytest.raises(ValueError, match=r"\['x'\] appear more than once"):
        _ = Disk((0, 0), 1) * Interval(t=(0, 1)) * Interval(x=(0, 1))
    with pytest.raises(ValueError, match="The coordinate t is time"):
        Parameters(t=(0, 1))
    with pytest.raises(ValueError, match="An Interval has one coordinate"):
        Interval(x=(0, 1), y=(0, 1))
    with pytest.raises(ValueError, match="name of the normal's component"):
        _ = Interval(u=(0, 1)) * Parameters(nu=(0, 1))
    with pytest.raises(TypeError):
        _ = BOX * 3


def test_face_labels_tell_close_bounds_apart():
    labels = list(Box(x=(1, 1.0000001)).faces)
    assert len(set(labels)) == 2
    assert Box(x=(1, 1.0000001)).face(x=1.0000001).bounds["x"] == (1.0000001, 1.0000001)


def test_faces_at_irrational_places_are_found():
    box = Box(x=(0, 2 * torch.pi))
    for value, side in itertools.product((2 * torch.pi, 6.283185307179586), (1,)):
        assert box.face(x=value).sides == ((0, side),)
