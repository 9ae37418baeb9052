"""Distances for hard conditions: zero on their part only, positive inside, of unit order."""

import math

import pytest
import torch
from torch import Tensor

from pdenet.geometry import (
    Ball,
    Box,
    Circle,
    Disk,
    Ellipse,
    Interval,
    Parameters,
    Point,
    Polygon,
    Region,
    Segment,
    Triangle,
)

SQUARE = Box(x=(-1, 3), y=(0, 2), t=(1, 2))
HOLES = Box(x=(0, 1), y=(0, 1)) - Disk((0.5, 0.5), 0.2)


def distance(region: Region, x: Tensor) -> Tensor:
    return region.distance(**dict(zip(region.coordinates, x.T, strict=True)))


def slope(region: Region, x: Tensor, direction: Tensor) -> Tensor:
    """Derivative along a direction at each point."""
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(distance(region, x).sum(), x)
    return (gradient * direction).sum(1)


def inward(domain, points) -> Tensor:
    step = torch.zeros_like(points.x)
    for i, name in enumerate(domain.space):
        step[:, domain.coordinates.index(name)] = -points.normals[:, i]
    return step


def test_boundary_distance_is_zero_there_positive_inside_and_of_order_one(case):
    domain, boundary = case.domain, case.domain.boundary
    assert boundary.has_distance
    walls, inside = boundary.sample(2000, seed=0), domain.sample(4000, seed=1)
    # Rounding of a few products, whatever the size of the domain.
    assert float(distance(boundary, walls.x).abs().max()) < 1e-14
    values = distance(boundary, inside.x)
    assert float(values.min()) > 0
    # In five dimensions points near the middle are rare.
    assert 0.8 < float(values.max()) < 1.05


def test_boundary_distance_has_a_slope_of_order_one_over_length(case):
    """Linear at the wall: a bubble that vanished to second order would freeze the normal flux."""
    domain, boundary = case.domain, case.domain.boundary
    walls = boundary.sample(2000, seed=2)
    size = max(high - low for low, high in domain.bounds.values())
    slopes = slope(boundary, walls.x, inward(domain, walls)) * size
    assert bool((slopes > 0).all())
    # Products fall off towards corners; of most of the wall they do not.
    assert 1 < float(slopes.median()) < 20


def test_boundary_distance_is_smooth_at_the_wall_itself(case):
    """Hard conditions are differentiated twice, at points on walls and shared faces too."""
    boundary = case.domain.boundary
    x = boundary.sample(300, seed=3).x.requires_grad_()
    (gradient,) = torch.autograd.grad(distance(boundary, x).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(gradient.sum(), x)
    assert bool(gradient.isfinite().all())
    assert bool(second.isfinite().all())


DISK_TIME = Disk((0, 0), 1) * Interval(t=(0, 2))
L_SHAPE = Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])


@pytest.mark.parametrize(
    ("domain", "face"),
    [
        (SQUARE, {"x": -1}),
        (SQUARE, {"x": 3}),
        (SQUARE, {"y": 0}),
        (SQUARE, {"t": 1}),
        (SQUARE, {"t": 2}),
        (SQUARE * Parameters(nu=(1, 2)), {"t": 1}),
        (DISK_TIME, {"t": 0}),
        (DISK_TIME, {"t": 2}),
        (HOLES, {"x": 0}),
        (HOLES, {"y": 1}),
        (HOLES * Interval(t=(0, 1)), {"y": 1}),
        (Triangle((0, 0), (1, 0), (0, 1)), {"y": 0}),
        (L_SHAPE, {"x": 2}),
    ],
    ids=str,
)
def test_face_distance_is_the_scaled_coordinate(domain, face):
    ((name, value),) = face.items()
    low, high = domain.bounds[name]
    region = domain.face(**face)
    x = region.sample(50, seed=0).x
    assert float(distance(region, x).abs().max()) < 1e-15
    x[:, domain.coordinates.index(name)] += 1e-3 if value == low else -1e-3
    expected = torch.full((50,), 1e-3 / (high - low))
    torch.testing.assert_close(distance(region, x), expected, rtol=1e-12, atol=0)


def test_box_distance_is_the_product_of_coordinate_distances():
    x, y, t = torch.tensor([0.3]), torch.tensor([0.4]), torch.tensor([1.7])
    values = {"x": x, "y": y, "t": t}
    both = 4 * (x + 1) * (3 - x) / 16
    assert torch.allclose(SQUARE.face(x=(-1, 3)).distance(**values), both, rtol=1e-15)
    expected = both * (2 - y) / 2 * (t - 1)
    mixed = SQUARE.face(x=(-1, 3), y=2, t=1)
    assert torch.allclose(mixed.distance(**values), expected, rtol=1e-15)
    walls = both * 4 * y * (2 - y) / 4
    assert torch.allclose(SQUARE.boundary.distance(**values), walls, rtol=1e-15)


def test_disk_and_ellipse_distances_are_quadratic():
    x, y = torch.tensor([0.5]), torch.tensor([-0.25])
    found = Disk((1, 0), 2).boundary.distance(x=x, y=y)
    assert torch.allclose(found, 1 - (0.5**2 + y**2) / 4, rtol=1e-15)
    turned = Ellipse((0, 0), (2, 1), angle=math.pi / 2).boundary.distance(x=x, y=y)
    assert torch.allclose(turned, 1 - x**2 - y**2 / 4, rtol=1e-15)


def test_edges_of_convex_polygons_have_distances_and_cut_ones_do_not():
    triangle = Triangle((0, 0), (3, 0), (0, 4))
    for edge in triangle.edges:
        assert float(distance(edge, edge.sample(20, seed=0).x).abs().max()) < 1e-15
        inside = distance(edge, triangle.sample(200, seed=1).x)
        assert 0 < float(inside.min()) < float(inside.max()) < 1
    # The lines of both edges at the notch run through the polygon.
    assert [edge.has_distance for edge in L_SHAPE.edges] == [True, True, False, False, True, True]


def test_parts_that_touch_without_overlap_have_no_distance():
    left, right = Box(x=(0, 1), y=(0, 1)), Box(x=(1, 2), y=(0, 2))
    touching = left | right
    assert touching.measure == 3
    assert touching.boundary.measure == 8
    assert not touching.boundary.has_distance
    with pytest.raises(ValueError, match="No smooth distance to region 'boundary'"):
        touching.boundary.distance(x=torch.zeros(1), y=torch.zeros(1))


def test_a_hole_that_is_filled_again_leaves_no_trace():
    hole = Disk((0, 0), 0.5)
    filled = (Disk((0, 0), 1) - hole) | hole
    assert filled.boundary.measure == pytest.approx(2 * math.pi, rel=1e-12)
    rim = hole.boundary.sample(100, seed=0).x
    assert float(distance(filled.boundary, rim).min()) > 0.1


@pytest.mark.parametrize(
    "region",
    [
        SQUARE.interior,
        SQUARE.face(x=3).where(lambda y: y > 1, "outlet"),
        Point(x=0, y=0),
        Segment((0, 0), (1, 0)),
        Circle((0, 0), 1),
    ],
    ids=str,
)
def test_regions_without_a_distance_say_so(region):
    assert not region.has_distance
    with pytest.raises(ValueError, match="No smooth distance"):
        region.distance(x=torch.zeros(1), y=torch.zeros(1), t=torch.zeros(1))


def test_missing_coordinates_are_named():
    with pytest.raises(ValueError, match=r"\['t'\] are missing"):
        SQUARE.boundary.distance(x=torch.zeros(1), y=torch.zeros(1))


class Dual:
    """A value and one derivative: the least that flows through a distance beside tensors."""

    def __init__(self, value: Tensor, slope: Tensor) -> None:
        self.value, self.slope = value, slope

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        assert function is torch.sqrt, f"{function} is more than arithmetic and a square root"
        root = torch.sqrt(args[0].value)
        return Dual(root, args[0].slope / (2 * root))

    def __add__(self, other):
        if isinstance(other, Dual):
            return Dual(self.value + other.value, self.slope + other.slope)
        return Dual(self.value + other, self.slope)

    def __mul__(self, other):
        if isinstance(other, Dual):
            slope = self.value * other.slope + self.slope * other.value
            return Dual(self.value * other.value, slope)
        return Dual(self.value * other, self.slope * other)

    def __truediv__(self, other):
        quotient = self.value / other.value
        return Dual(quotient, (self.slope - quotient * other.slope) / other.value)

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return -self + other

    __radd__, __rmul__ = __add__, __mul__


def test_distances_take_anything_that_does_arithmetic(case):
    domain, boundary = case.domain, case.domain.boundary
    x = domain.sample(100, seed=4).x
    direction = torch.linspace(-1, 1, x.shape[1]).expand_as(x)
    duals = [Dual(v, s) for v, s in zip(x.T, direction.T, strict=True)]
    found = boundary.distance(**dict(zip(domain.coordinates, duals, strict=True)))
    torch.testing.assert_close(found.value, distance(boundary, x), rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(found.slope, slope(boundary, x, direction), rtol=1e-9, atol=1e-10)


def test_levels_have_the_sign_of_membership(case):
    domain = case.domain
    wide = Box(**{c: (a - 0.2, b + 0.2) for c, (a, b) in domain.bounds.items()})
    x = wide.sample(4000, seed=5).x
    level = domain.level(dict(zip(domain.coordinates, x.T, strict=True)))
    # Points within rounding of the boundary could go either way; of these none is.
    assert torch.equal(level > 0, domain.contains(x))


def test_level_of_a_union_has_unit_slope():
    union = Ball((0, 0, 0), 1) | Ball((0, 0, 1), 1)
    points = union.boundary.sample(200, seed=6)
    assert points.normals is not None
    x = points.x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(union.level(dict(zip("xyz", x.T, strict=True))).sum(), x)
    # R-functions keep the slope of the part that is zero. Rounding grows towards the seam.
    torch.testing.assert_close(gradient, -points.normals, rtol=0, atol=1e-6)
