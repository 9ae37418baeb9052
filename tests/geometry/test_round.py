import math

import pytest
import torch

from pdenet.geometry import Ball, Circle, Disk, Ellipse, Sphere


@pytest.mark.parametrize("d", [2, 3, 4, 7])
def test_measures_of_balls(d):
    ball = Ball((0.0,) * d, 2, coordinates=[f"x{i}" for i in range(d)])
    volume = math.pi ** (d / 2) / math.gamma(d / 2 + 1) * 2**d
    assert ball.measure == pytest.approx(volume, rel=1e-14)
    # The surface is the derivative of the volume by the radius.
    assert ball.boundary.measure == pytest.approx(d * volume / 2, rel=1e-14)


@pytest.mark.parametrize("d", [2, 3, 4, 7])
def test_points_of_balls_fill_radius_and_direction(d):
    ball = Ball((0.0,) * d, 1, coordinates=[f"x{i}" for i in range(d)])
    x = ball.sample(4096, seed=0, method="sobol").x
    radius = x.norm(dim=1)
    # P(r < s) = s^d: the largest gap to it is small for an even pattern.
    gap = (radius.sort().values ** d - (torch.arange(4096) + 0.5) / 4096).abs().max()
    assert float(gap) < 5e-3
    surface = ball.boundary.sample(4096, seed=0, method="sobol").x
    torch.testing.assert_close(surface.norm(dim=1), torch.ones(4096), rtol=1e-14, atol=0)
    second = surface.T @ surface / 4096
    torch.testing.assert_close(second, torch.eye(d) / d, rtol=0, atol=6e-3)


def test_ellipse_of_equal_axes_is_a_disk():
    disk, ellipse = Disk((1, 2), 3), Ellipse((1, 2), (3, 3))
    assert ellipse.boundary.measure == pytest.approx(disk.boundary.measure, rel=1e-14)
    u = torch.linspace(0, 1, 101)[:, None]
    torch.testing.assert_close(
        ellipse.boundary.place(u).x, disk.boundary.place(u).x, rtol=0, atol=1e-12
    )


def test_bounds_of_a_turned_ellipse_touch_it():
    ellipse = Ellipse((1, 0), (3, 1), angle=0.6)
    x = ellipse.boundary.quadrature(100_000).x
    for i, name in enumerate("xy"):
        low, high = ellipse.bounds[name]
        # A maximum is flat: 1e5 points miss it by 1e-9.
        assert float(x[:, i].min()) == pytest.approx(low, abs=1e-8)
        assert float(x[:, i].max()) == pytest.approx(high, abs=1e-8)


def test_an_ellipse_turns_from_the_first_coordinate_to_the_second():
    ellipse = Ellipse((0, 0), (3, 1), angle=0.6)
    tip = torch.tensor([[math.cos(0.6), math.sin(0.6)]])
    assert ellipse.contains(2.9 * tip).item()
    assert not ellipse.contains(2.9 * tip * torch.tensor([1.0, -1.0])).item()


def test_equal_shapes_are_equal():
    assert Disk((0, 0), 1) == Disk((0.0, 0.0), 1.0)
    assert Disk((0, 0), 1) != Disk((0, 0), 2)
    assert Disk((0, 0), 1).boundary == Disk((0, 0), 1).boundary
    assert Disk((0, 0), 1) != Ball((0, 0), 1, coordinates=("x", "y"))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Disk((0, 0), 0), "Disk radius must be positive; got 0"),
        (lambda: Disk((0, 0), -1), "must be positive"),
        (lambda: Disk((0, 0), float("nan")), "must be finite"),
        (lambda: Disk((0, 0, 0), 1), "Disk center must be 2 numbers; got 3"),
        (lambda: Disk((0, 0), 1, coordinates=("x",)), "Disk has two coordinates"),
        (lambda: Circle((0, 0), 1, coordinates=("x", "y", "z")), "Circle has two coordinates"),
        (lambda: Ball((0,), 1, coordinates=("x",)), "two coordinates or more"),
        (lambda: Ball((0, 0), 1, coordinates=("x", "x")), "appear more than once"),
        (lambda: Sphere((0, 0, 0), "big"), "must be a number; got 'big'"),
        (lambda: Ellipse((0, 0), (1, 0)), r"semi_axes\[1\] must be positive"),
        (lambda: Ellipse((0, 0), (1, 2, 3)), "semi_axes must be 2 numbers"),
        (lambda: Ellipse((0, 0), (1, 2), angle=float("inf")), "must be finite"),
    ],
)
def test_bad_shapes(build, message):
    with pytest.raises(ValueError, match=message):
        build()
