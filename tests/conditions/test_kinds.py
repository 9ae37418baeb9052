"""Every kind of condition against its rows, written down by hand for fields that miss it.

A row that is wrong by a sign or a factor differs from the formula by O(1); tolerances are
assert_close's for float64, 1e-7, far above the round-off of a few operations.
"""

from collections.abc import Callable
from math import pi
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, cos, exp, sin

from pdenet import (
    Condition,
    Data,
    Dirichlet,
    Initial,
    Integral,
    Interface,
    Neumann,
    Periodic,
    Robin,
)
from pdenet.geometry import Box, Circle, Disk, Interval, Parameters, Point
from pdenet.jets import div, grad, laplacian

RowsOf = Callable[..., Any]
close = torch.testing.assert_close

SQUARE = Box(x=(0, 1), y=(0, 2))
ROD = Box(x=(0, 1), t=(0, 2))
DISK = Disk(center=(1, -1), radius=2)


def wave(x: Any, y: Any) -> tuple[Any, ...]:
    return (sin(2 * x + 3 * y),)


def pair(x: Any, y: Any) -> tuple[Any, ...]:
    return sin(2 * x + 3 * y), x * y * y


def four(x: Any, y: Any) -> tuple[Any, ...]:
    return x * x, x * y, x * y * y, y * y


# -- values ------------------------------------------------------------------------------------


def test_dirichlet_is_field_less_value(rows_of: RowsOf) -> None:
    face = SQUARE.face(x=1)
    for value, there in (
        (2, lambda x, y: 2 + 0 * y),
        (lambda y: y**2, lambda x, y: y**2),
        (lambda x, y, k=3.0: k * x * y, lambda x, y: 3 * x * y),
        (lambda y: np.interp(y.numpy(), [0, 2], [1, 5]), lambda x, y: 1 + 2 * y),
        (lambda: 7.0, lambda x, y: 7 + 0 * y),
    ):
        rows, p = rows_of(Dirichlet(u=value, on=face), SQUARE, wave)
        close(rows, (wave(p["x"], p["y"])[0] - there(p["x"], p["y"]))[:, None])


def test_values_of_vectors_and_tensors(rows_of: RowsOf) -> None:
    face = SQUARE.boundary
    for value, there in (
        ((1.0, lambda x: x), lambda x: (1.0, x)),
        (4.0, lambda x: (4.0, 4.0)),
        (lambda x: x, lambda x: (x, x)),
    ):
        rows, p = rows_of(Dirichlet(v=value, on=face), SQUARE, pair, {"v": 2})
        v, g = pair(p["x"], p["y"]), there(p["x"])
        close(rows, torch.stack([v[0] - g[0], v[1] - g[1]], -1))
    given = ((0.0, 1.0), (lambda x: x, lambda y: y))
    rows, p = rows_of(Dirichlet(s=given, on=face), SQUARE, four, {"s": (2, 2)})
    x, y = p["x"], p["y"]
    close(rows, torch.stack([x * x, x * y - 1, x * y * y - x, y * y - y], -1))


def test_several_fields_of_one_condition(rows_of: RowsOf) -> None:
    condition = Dirichlet(q=lambda y: y, p=1.0, on=SQUARE.face(x=0))
    rows, p = rows_of(condition, SQUARE, pair, ("p", "q"))
    a, b = pair(p["x"], p["y"])
    close(rows, torch.stack([b - p["y"], a - 1], -1))


def test_initial_values_and_rates(rows_of: RowsOf) -> None:
    def field(x: Any, t: Any) -> tuple[Any, ...]:
        return (sin(3 * t) * x + cos(t), x * exp(2 * t))

    condition = Initial(
        on=ROD.initial, u=lambda x: x**2, v=0.5, rate={"v": 7.0, "u": lambda x: 4 * x}
    )
    rows, p = rows_of(condition, ROD, field, ("u", "v"))
    x = p["x"]
    assert not p["t"].any()
    close(rows, torch.stack([1 - x**2, x - 0.5, 2 * x - 7, 3 * x - 4 * x], -1))


def test_initial_rates_of_vectors(rows_of: RowsOf) -> None:
    def field(x: Any, t: Any) -> tuple[Any, ...]:
        return x * t, x + 5 * t

    condition = Initial(on=ROD.initial, w=(1.0, 2.0), rate={"w": (3.0, lambda x: x)})
    rows, p = rows_of(condition, ROD, field, {"w": 2})
    x = p["x"]
    close(rows, torch.stack([0 * x - 1, x - 2, x - 3, 5 - x], -1))


# -- normal derivatives ------------------------------------------------------------------------


def test_neumann_is_outward(rows_of: RowsOf) -> None:
    for side, sign in ((0, -1), (1, 1)):
        condition = Neumann(u=lambda y: y, on=SQUARE.face(x=side))
        rows, p = rows_of(condition, SQUARE, wave)
        x, y = p["x"], p["y"]
        close(rows, (sign * 2 * cos(2 * x + 3 * y) - y)[:, None])


def test_neumann_on_a_curve_with_data_of_the_normal(rows_of: RowsOf) -> None:
    condition = Neumann(u=lambda x, nx, ny: x * nx - ny, on=DISK.boundary)
    rows, p = rows_of(condition, DISK, lambda x, y: (x * x + 3 * y,))
    x, y = p["x"], p["y"]
    nx, ny = (x - 1) / 2, (y + 1) / 2
    close(rows, (2 * x * nx + 3 * ny - x * nx + ny)[:, None])


def test_robin(rows_of: RowsOf) -> None:
    terms = (lambda y: 1 + y, -2.0, lambda nx: nx)
    rows, p = rows_of(Robin(u=terms, on=SQUARE.face(x=0)), SQUARE, wave)
    y = p["y"]
    close(rows, ((1 + y) * sin(3 * y) + 2 * 2 * cos(3 * y) + 1)[:, None])


def test_robin_with_an_unknown_constant(rows_of: RowsOf) -> None:
    condition = Robin(u=(lambda h: h, 1.0, lambda h, y: h * y), on=SQUARE.face(x=1))
    rows, p = rows_of(condition, SQUARE, wave, h=3.0)
    y = p["y"]
    close(rows, (3 * sin(2 + 3 * y) + 2 * cos(2 + 3 * y) - 3 * y)[:, None])


def test_interface(rows_of: RowsOf) -> None:
    circle = Circle(center=(0, 0), radius=0.5)
    condition = Interface(
        "a", "b", on=circle, conductivity=(2.0, lambda x: 1 + x), jump=lambda y: y, flux=0.25
    )
    square = Box(x=(-1, 1), y=(-1, 1))
    rows, p = rows_of(condition, square, lambda x, y: (x * x, x + 3 * y), ("a", "b"))
    x, y = p["x"], p["y"]
    nx, ny = 2 * x, 2 * y  # the normal leaves the disk, in which "a" lives
    value = x * x - (x + 3 * y) - y
    flux = 2 * (2 * x * nx) - (1 + x) * (nx + 3 * ny) - 0.25
    close(rows, torch.stack([value, flux], -1))


# -- pairs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_periodic_matches_derivatives_across(rows_of: RowsOf, order: int) -> None:
    condition = Periodic("u", on=SQUARE.face(x=0), to=SQUARE.face(x=1), order=order)
    rows, p = rows_of(condition, SQUARE, lambda x, y: (exp(2 * x) * y,))
    y = p["y"]
    expected = [2**k * y * (1 - torch.e**2) for k in range(order + 1)]
    close(rows, torch.stack(expected, -1))


def test_periodic_fields_are_periodic(rows_of: RowsOf) -> None:
    condition = Periodic("u", "v", on=SQUARE.face(y=2), to=SQUARE.face(y=0), order=3)
    rows, _ = rows_of(
        condition, SQUARE, lambda x, y: (x * sin(pi * y), cos(3 * pi * y)), ("u", "v")
    )
    assert rows.shape[1] == 8
    # Third derivatives are (3 pi)^3 = 837 large, and sin(6 pi) is 0 to 1e-15 only.
    close(rows, torch.zeros_like(rows), atol=1e-11, rtol=0)


def test_periodic_vectors(rows_of: RowsOf) -> None:
    condition = Periodic("v", on=SQUARE.face(x=0), to=SQUARE.face(x=1), order=1)
    rows, p = rows_of(condition, SQUARE, pair, {"v": 2})
    y = p["y"]
    value = sin(3 * y) - sin(2 + 3 * y), -y * y
    slope = 2 * cos(3 * y) - 2 * cos(2 + 3 * y), 0 * y
    close(rows, torch.stack([*value, *slope], -1))


def test_any_residual_of_pairs(rows_of: RowsOf) -> None:
    condition = Condition(
        lambda u, u_to, x, y: u_to.y - 2 * u * x - y, on=SQUARE.face(x=0.0), to=SQUARE.face(x=1.0)
    )
    rows, p = rows_of(condition, SQUARE, lambda x, y: (x * y * y + y,))
    y = p["y"]
    close(rows, 2 * y + 1 - y)


# -- integrals ---------------------------------------------------------------------------------


def test_integral_mean_and_flux(rows_of: RowsOf) -> None:
    def field(x: Any, y: Any) -> tuple[Any, ...]:
        return (x * x + 3 * y,)

    total = Integral(lambda u: u, on=SQUARE.interior, equals=5.0)
    close(rows_of(total, SQUARE, field)[0], torch.tensor([2 / 3 + 6 - 5]))
    mean = Integral(lambda u: u, on=SQUARE.interior, equals=5.0, mean=True)
    close(rows_of(mean, SQUARE, field)[0], torch.tensor([1 / 3 + 3 - 5]))
    # Gauss' theorem: the flux of grad u through the circle is the integral of Laplace u, 2.
    flux = Integral(lambda u, nx, ny: u.x * nx + u.y * ny, on=DISK.boundary, equals=1.0)
    close(rows_of(flux, DISK, field)[0], torch.tensor([2 * 4 * pi - 1]))


def test_integral_uses_the_weights(rows_of: RowsOf) -> None:
    p = SQUARE.face(x=0).quadrature(6)
    condition = Integral(lambda u: u, on=SQUARE.face(x=0))
    # Six Gauss nodes integrate y^11 exactly; equal weights would miss by O(1).
    rows, _ = rows_of(condition, SQUARE, lambda x, y: (y**11,), points=p)
    close(rows, torch.tensor([2**12 / 12]))


# -- data --------------------------------------------------------------------------------------


def measurements(n: int = 12) -> tuple[dict[str, Tensor], Tensor]:
    at = {"x": torch.linspace(0, 1, n), "t": torch.linspace(0, 2, n)}
    return at, 10.0 * torch.arange(n)


def test_data_follow_their_points(rows_of: RowsOf) -> None:
    at, values = measurements()
    condition = Data(at, u=values)

    def field(x: Any, t: Any) -> tuple[Any, ...]:
        return (x + t,)

    everything = condition.on.sample(100, seed=0)
    shuffled = everything.select(torch.randperm(12))
    some = condition.on.sample(5, seed=3)
    assert len(some) == 5
    for points in (everything, shuffled, some, shuffled.select(slice(2, 7)), shuffled.shard(1, 2)):
        rows, p = rows_of(condition, ROD, field, points=points)
        # The number of a measurement is told by its place.
        close(rows[:, 0], p["x"] + p["t"] - 10 * (11 * p["x"]).round())


def test_data_between_two_times(rows_of: RowsOf) -> None:
    at, values = measurements()
    condition = Data(at, u=values)
    window = condition.at_time(0.9, 1.5, None)
    assert window is not None
    rows, p = rows_of(window, ROD, lambda x, t: (x + t,))
    assert set((11 * p["x"]).round().tolist()) == {5, 6, 7, 8}
    close(rows[:, 0], p["x"] + p["t"] - 10 * (11 * p["x"]).round())
    assert condition.at_time(0.01, 0.02, None) is None


def test_data_of_several_fields_and_vectors(rows_of: RowsOf) -> None:
    at = {"x": [0.5, 0.25], "y": [1.0, 2.0]}
    condition = Data(at, p=[1, 2], v=np.array([[10, 20], [30, 40]]))
    rows, points = rows_of(condition, SQUARE, lambda x, y: (x, x * y, y), {"v": 2, "p": ()})
    x, y = points["x"], points["y"]
    where = (x == 0.25).long()
    expected = y - 1 - where, x - 10 - 20 * where, x * y - 20 - 20 * where
    close(rows, torch.stack(expected, -1))


def test_data_are_copied(rows_of: RowsOf) -> None:
    values = torch.ones(2)
    condition = Data({"x": [0.5, 0.25], "y": [1.0, 2.0]}, u=values)
    values += 5
    rows, _ = rows_of(condition, SQUARE, lambda x, y: (0 * x,))
    close(rows, -torch.ones(2, 1))


# -- residuals of the user's own ---------------------------------------------------------------


def test_parameters_are_inputs(rows_of: RowsOf) -> None:
    domain = Interval(x=(0, 1)) * Interval(t=(0, 1)) * Parameters(nu=(0.1, 0.5))
    condition = Condition(lambda u, nu: u.t - nu * u.xx, on=domain.interior)

    def heat(x: Any, t: Any, nu: Any) -> tuple[Any, ...]:
        return (exp(-nu * t) * sin(x) + x * t,)

    rows, p = rows_of(condition, domain, heat)
    close(rows, p["x"])
    assert p["nu"].min() < 0.2 < 0.4 < p["nu"].max()


def test_a_gauge(rows_of: RowsOf) -> None:
    condition = Condition(lambda p: p - 4, on=Point(x=1, y=0.5))
    rows, points = rows_of(condition, SQUARE, lambda x, y: (x + 2 * y,), "p")
    assert points.x.tolist() == [[1.0, 0.5]]
    close(rows, torch.tensor([-2.0]))


def test_unknown_constants_are_found_by_their_gradient(rows_of: RowsOf) -> None:
    condition = Condition(lambda u, k, weight: k * u.xx + weight * u, on=SQUARE.interior)
    rows, p = rows_of(condition, SQUARE, wave, k=2.0, weight=-3.0)
    u = wave(p["x"], p["y"])[0]
    close(rows, -8 * u - 3 * u)
    assert rows.requires_grad  # u does not: its formula has nothing to train


def test_systems_and_tensors(rows_of: RowsOf) -> None:
    def equilibrium(s: Any, x: Any) -> tuple[Any, ...]:
        return div(s[0]) - x, div(s[1])

    rows, p = rows_of(Condition(equilibrium, on=SQUARE.interior), SQUARE, four, {"s": (2, 2)})
    x, y = p["x"], p["y"]
    close(rows, torch.stack([2 * x + x - x, y * y + 2 * y], -1))

    def stokes(v: Any, p: Any) -> tuple[Any, ...]:
        return laplacian(v) - grad(p), div(v)

    fields = {"v": 2, "p": ()}
    rows, points = rows_of(
        Condition(stokes, on=SQUARE.interior), SQUARE, lambda x, y: (*pair(x, y), x * y), fields
    )
    x, y = points["x"], points["y"]
    phase = 2 * x + 3 * y
    expected = -13 * sin(phase) - y, 2 * x - x, 2 * cos(phase) + 2 * x * y
    close(rows, torch.stack(expected, -1))


def test_piecewise_coefficients(rows_of: RowsOf) -> None:
    def heat(u: Any, x: Any) -> Any:
        k = torch.where(x > 0.5, 1 + x, 3.0)
        return div(k * grad(u))

    rows, p = rows_of(Condition(heat, on=SQUARE.interior), SQUARE, wave)
    x, y = p["x"], p["y"]
    phase = 2 * x + 3 * y
    right = -13 * (1 + x) * sin(phase) + 2 * cos(phase)
    close(rows, torch.where(x > 0.5, right, -39 * sin(phase)))
    assert 0 < (x > 0.5).sum() < len(x)
