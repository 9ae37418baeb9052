import math

import pytest
import torch

from pdenet.geometry import Ball, Box, Disk, Ellipse, Interval, Polygon, Triangle

SHAPES = [
    Box(x=(0, 1), y=(0, 2)),
    Disk((1, 0), 0.5),
    Ellipse((0, 1), (2, 1), angle=0.2),
    Triangle((0, 0), (2, 0), (0, 1)),
    Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]),
    Box(x=(0, 2), y=(0, 2)) - Disk((0, 0), 1),
    Disk((0, 0), 1) | Disk((1, 0), 1),
    Box(x=(0, 1), y=(0, 2)).rotate(0.5),
]


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
def test_moving_moves_membership_and_keeps_measures(shape):
    angle, shift = 0.7, (0.5, -1.5)
    moved = shape.rotate(angle, about=(1, 1)).translate(x=shift[0], y=shift[1])
    x = 6 * torch.rand(500, 2) - 3
    c, s = math.cos(angle), math.sin(angle)
    rotation = torch.tensor([[c, -s], [s, c]])
    image = (x - 1) @ rotation.T + 1 + torch.tensor(shift)
    assert torch.equal(moved.contains(image), shape.contains(x))
    assert moved.measure == pytest.approx(shape.measure, rel=1e-8)
    assert moved.boundary.measure == pytest.approx(shape.boundary.measure, rel=1e-8)
    inside = shape.contains(x)
    before = shape.boundary.distance(x=x[inside, 0], y=x[inside, 1])
    after = moved.boundary.distance(x=image[inside, 0], y=image[inside, 1])
    # The largest value, which both are scaled by, is taken at other points of a moved cut.
    ratio = after / before
    if not isinstance(shape, Polygon) or len(shape.vertices) < 4:  # cut another way when turned
        assert float(ratio.min()) > 0.9
        assert float(ratio.max() - ratio.min()) < 1e-6


def test_translated_boxes_have_faces_at_their_new_places():
    box = Box(x=(0, 1), y=(0, 1)).translate(x=2)
    assert list(box.faces) == ["x=2", "x=3", "y=0", "y=1"]
    late = Box(x=(0, 1), t=(0, 1)).translate(t=3)
    assert late.initial.bounds["t"] == (3, 3)


def test_rotated_boxes_lose_their_faces():
    box = Box(x=(0, 1), y=(0, 1)).rotate(math.pi / 4)
    with pytest.raises(ValueError, match="no faces of constant coordinates"):
        box.face(x=0)
    side = box.boundary.where(lambda x, y: (y - x).abs() < 1e-9, "lower right")
    assert side.measure == pytest.approx(1, rel=1e-6)


def test_rotation_in_space():
    ball = Ball((1, 0, 0), 0.5).rotate(math.pi / 2, plane=("x", "z"))
    torch.testing.assert_close(torch.tensor(ball.center), torch.tensor([0.0, 0.0, 1.0]))
    cylinder = (Disk((0, 0), 1) * Interval(z=(0, 4))).rotate(math.pi / 2, plane=("y", "z"))
    # The axis, which pointed along z, now points along -y.
    inside = cylinder.contains(torch.tensor([[0, -3.9, 0.0], [0, 3.9, 0.0], [0, -2, 0.9]]))
    assert inside.tolist() == [True, False, True]
    assert cylinder.boundary.has_distance


def test_combinations_of_moved_shapes():
    cylinder = Disk((0, 0), 0.5) * Interval(z=(-2, 2))
    cross = cylinder | cylinder.rotate(math.pi / 2, plane=("y", "z"))
    # Two cylinders of radius r at right angles share 16 r^3 / 3; estimated in three dimensions.
    assert cross.measure == pytest.approx(2 * math.pi - 2 / 3, rel=1e-3)
    assert cross.boundary.has_distance
    x = 4 * torch.rand(2000, 3) - 2
    level = cross.level(dict(zip("xyz", x.T, strict=True)))
    assert torch.equal(level > 0, cross.contains(x))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Box(x=(0, 1), y=(0, 1)).translate(z=1), r"no coordinates \['z'\]"),
        (lambda: Disk((0, 0), 1).translate(x=float("nan")), "must be finite"),
        (lambda: Ball((0, 0, 0), 1).rotate(1), "plane must be two of"),
        (lambda: Ball((0, 0, 0), 1).rotate(1, plane=("x", "x")), "plane must be two of"),
        (lambda: Disk((0, 0), 1).rotate(1, about=(1,)), "about must be 2 numbers"),
        (lambda: Box(x=(0, 1), t=(0, 1)).rotate(1), "before it is multiplied"),
        (lambda: (Disk((0, 0), 1) * Interval(t=(0, 1))).translate(x=1), "before it is multiplied"),
    ],
)
def test_bad_motions(build, message):
    with pytest.raises(ValueError, match=message):
        build()
