"""Fits of the last layer: exact in the span, against a dense oracle, Newton's order, all kinds."""

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from scipy.linalg import lstsq
from torch import Tensor

from pdenet import Condition, Data, Dirichlet, Initial, Integral, Neumann, Periodic, Problem
from pdenet.geometry import Box, Interval, Points
from pdenet.jets import laplacian
from pdenet.linear_fit import (
    LastLayerFit,
    ScaledRows,
    coefficients,
    continuity,
    fit_last_layer,
    flattened,
    is_linear,
    orders,
    set_flat,
    take_over,
)
from pdenet.networks import MLP, PatchedFactory, RandomFeatures, build_network, find_window
from pdenet.problems.klein_gordon import klein_gordon
from pdenet.residuals import Residuals
from pdenet.tangent import Tangent

SQUARE = Box(x=(0, 1), y=(0, 1))


def poisson(source: float = 1.0) -> Problem:
    return Problem(
        domain=SQUARE,
        fields="u",
        conditions={
            "poisson": Condition(lambda u: laplacian(u) + source, on=SQUARE.interior),
            "boundary": Dirichlet(u=lambda x: x, on=SQUARE.boundary),
        },
    )


def features(problem: Problem, width: int = 80, scale: float = 4.0, **more: Any) -> Residuals:
    network = build_network(
        partial(RandomFeatures, width=width, scale=scale, **more),
        coordinates=problem.coordinates,
        fields=problem.shapes,
        bounds=problem.domain.bounds,
        seed=0,
    )
    return Residuals(problem, network)


def points(problem: Problem, n: int = 200) -> dict[str, Points]:
    found = {}
    for name, c in problem.conditions.items():
        few = n if c.on.dimension == problem.domain.dimension else max(2, n // 5)
        count = round(c.on.measure) if c.on.dimension == 0 else few
        found[name] = c.on.quadrature(n) if c.integral else c.on.sample(count, seed=1)
    return found


def values(residuals: Residuals, **coordinates: Tensor) -> Tensor:
    with torch.no_grad():
        return residuals.model(torch.stack(list(coordinates.values()), dim=1))


def test_rows_are_those_of_the_tangent_scaled_by_their_largest_entry() -> None:
    problem = poisson()
    residuals = features(problem, width=20)
    drawn = points(problem)
    parameters = coefficients(residuals)
    rows = ScaledRows([(residuals, drawn)], parameters, weights={"boundary": 4.0})
    blocks, right = zip(*((block.a, block.b) for block in rows.blocks()), strict=True)
    every = Tangent(residuals, drawn)
    place = every.columns["model.core.last.weight"]
    expected = every.dense()[:, place]
    expected = expected / expected.abs().amax(1, keepdim=True)
    expected[every.rows["boundary"]] *= 2.0
    torch.testing.assert_close(torch.cat(blocks), expected, rtol=1e-12, atol=1e-12)
    assert rows.norm() == pytest.approx(float(torch.cat(right).norm()), rel=1e-12)
    # What was frozen for the rows is free again.
    assert all(p.requires_grad for p in residuals.parameters())


def test_solution_is_that_of_a_dense_oracle() -> None:
    problem = poisson()
    residuals = features(problem, width=30)
    drawn = points(problem)
    parameters = coefficients(residuals)
    set_flat(parameters, torch.zeros(30))
    rows = ScaledRows([(residuals, drawn)], parameters)
    a, b = (
        torch.cat(part).numpy() for part in zip(*((r.a, r.b) for r in rows.blocks()), strict=True)
    )
    x = lstsq(a, -b)[0]
    (report,) = fit_last_layer(residuals, drawn, linear=True)
    assert report.rank == report.columns == 30
    assert report.after == pytest.approx(float(np.linalg.norm(a @ x + b)), rel=1.02e-2)
    # Coefficients of condition 1e8 agree to half the digits; the residuals to all.
    np.testing.assert_allclose(a @ flattened(parameters).numpy(), a @ x, atol=3e-3 * report.after)


def test_a_solution_in_the_span_is_found_to_round_off() -> None:
    core = features(poisson(), width=40).model.get_submodule("core")
    k, b = (p.detach().tolist() for p in core.hidden.parameters())

    def waves(x: Any, y: Any) -> list[Any]:
        return [torch.sin(k[j][0] * (2 * x - 1) + k[j][1] * (2 * y - 1) + b[j]) for j in range(4)]

    def exact(x: Any, y: Any) -> Any:
        first, second, third, fourth = waves(x, y)
        return first - 2 * second + 0.5 * third + fourth

    def source(x: Any, y: Any) -> Any:
        first, second, third, fourth = (
            -4 * (p**2 + q**2) * w for (p, q), w in zip(k, waves(x, y), strict=False)
        )
        return first - 2 * second + 0.5 * third + fourth

    problem = Problem(
        domain=SQUARE,
        fields="u",
        conditions={
            "poisson": Condition(lambda u, x, y: laplacian(u) - source(x, y), on=SQUARE.interior),
            "boundary": Dirichlet(u=exact, on=SQUARE.boundary),
        },
    )
    residuals = features(problem, width=40)
    (report,) = fit_last_layer(residuals, points(problem), linear=True)
    assert report.after < 1e-11 * report.before
    x, y = torch.rand(2, 50)
    # Values are of order one; the condition number costs the other digits.
    torch.testing.assert_close(values(residuals, x=x, y=y)[:, 0], exact(x, y), atol=1e-9, rtol=0)


def wave(x: Tensor, y: Tensor) -> Tensor:
    return torch.sin(2 * x + y)


LINE = Interval(x=(0, 1))
TIME = Box(x=(0, 2 * math.pi), t=(0, 1))
SENSORS = torch.rand(20, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def laplace(u: Any, x: Any, y: Any) -> Any:
    return laplacian(u) + 5 * wave(x, y)


def kinds() -> dict[str, tuple[Problem, Any]]:
    """Problems with every kind of condition, and their solutions."""
    left, right = LINE.face(x=0), LINE.face(x=1)
    bend = Condition(lambda u, x: u.xx + 4 * torch.sin(2 * x), on=LINE.interior)
    sides = SQUARE.face(x=(0, 1))
    other = SQUARE.face(y=(0, 1))
    inner = Condition(laplace, on=SQUARE.interior)

    def slope(x: Tensor, y: Tensor, nx: Tensor, ny: Tensor) -> Tensor:
        return torch.cos(2 * x + y) * (2 * nx + ny)

    def line(u: str, *conditions: Condition) -> Problem:
        named = {f"c{i}": c for i, c in enumerate((bend, *conditions))}
        return Problem(domain=LINE, fields=u, conditions=named)

    def square(*conditions: Condition) -> Problem:
        named = {f"c{i}": c for i, c in enumerate((inner, *conditions))}
        return Problem(domain=SQUARE, fields="u", conditions=named)

    def sine(x: Tensor) -> Tensor:
        return torch.sin(2 * x)

    on_sides = Dirichlet(u=wave, on=sides)
    mean = (1 - math.cos(2)) / 2
    return {
        "neumann": (square(on_sides, Neumann(u=slope, on=other)), wave),
        "robin": (
            square(
                on_sides,
                Condition(
                    lambda u, x, y, nx, ny: (
                        2 * u + u.x * nx + u.y * ny - 2 * wave(x, y) - slope(x, y, nx, ny)
                    ),
                    on=other,
                ),
            ),
            wave,
        ),
        "integral": (
            line(
                "u",
                Condition(lambda u: u.x - 2, on=left),
                Integral(lambda u: u, on=LINE, equals=mean),
            ),
            sine,
        ),
        "data": (
            Problem(
                domain=SQUARE,
                fields="u",
                conditions={
                    "equation": inner,
                    "data": Data(
                        {"x": SENSORS[:, 0], "y": SENSORS[:, 1]}, u=wave(*SENSORS.unbind(1))
                    ),
                    "boundary": Dirichlet(u=wave, on=SQUARE.boundary),
                },
            ),
            wave,
        ),
        "periodic and initial": (
            Problem(
                domain=TIME,
                fields="u",
                conditions={
                    "advection": Condition(lambda u: u.t + u.x, on=TIME.interior),
                    "start": Initial(u=lambda x: torch.sin(x), on=TIME.initial),
                    "period": Periodic(
                        "u", on=TIME.face(x=0), to=TIME.face(x=2 * math.pi), order=0
                    ),
                },
            ),
            lambda x, t: torch.sin(x - t),
        ),
        "second rates": (
            Problem(
                domain=TIME,
                fields="u",
                conditions={
                    "wave": Condition(lambda u: u.tt - u.xx, on=TIME.interior),
                    "start": Initial(
                        u=lambda x: torch.sin(x),
                        rate={"u": lambda x: -torch.cos(x)},
                        on=TIME.initial,
                    ),
                    "period": Periodic("u", on=TIME.face(x=0), to=TIME.face(x=2 * math.pi)),
                },
            ),
            lambda x, t: torch.sin(x - t),
        ),
        "interface of two fields": (
            Problem(
                domain=LINE,
                fields=("u", "v"),
                conditions={
                    "left": Condition(lambda u: u.xx, on=Interval(x=(0, 0.5))),
                    "right": Condition(lambda v: v.xx, on=Interval(x=(0.5, 1))),
                    "joint": Condition(
                        lambda u, v: (u - v, u.x - 3 * v.x), on=Interval(x=(0, 0.5)).face(x=0.5)
                    ),
                    "start": Dirichlet(u=0, on=left),
                    "end": Dirichlet(v=2, on=right),
                },
            ),
            two_slopes,
        ),
    }


def two_slopes(x: Tensor) -> Tensor:
    """The solution of the two fields, each where it lives."""
    nowhere = torch.full_like(x, torch.nan)
    return torch.stack(
        [torch.where(x < 0.5, 3 * x, nowhere), torch.where(x > 0.5, 1 + x, nowhere)], dim=-1
    )


KINDS = kinds()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_condition_is_met(kind: str) -> None:
    problem, exact = KINDS[kind]
    assert is_linear(problem)
    residuals = features(problem, width=250)
    (report,) = fit_last_layer(residuals, points(problem, 700), linear=True)
    assert report.after < 1e-9 * report.before
    known = {n: problem.domain.sample(50, seed=9)[n] for n in problem.coordinates}
    expected = exact(**known).reshape(50, -1)
    lives = ~expected.isnan()
    # Smooth solutions of order one: so many waves reach ten digits; the test leaves room for two.
    found = values(residuals, **known)[lives]
    torch.testing.assert_close(found, expected[lives], atol=1e-8, rtol=0)


def test_scaled_rows_beat_plain_ones() -> None:
    # A stiff equation in bad units: its rows are a million times those of the boundary.
    problem = Problem(
        domain=SQUARE,
        fields="u",
        conditions={
            "poisson": Condition(
                lambda u, x, y: 1e6 * (laplacian(u) + 5 * wave(x, y)), on=SQUARE.interior
            ),
            "boundary": Dirichlet(u=wave, on=SQUARE.boundary),
        },
    )
    x, y = torch.rand(2, 50)
    errors = {}
    for scaled in (True, False):
        residuals = features(problem, width=60, scale=3.0)
        fit_last_layer(residuals, points(problem), linear=True, scaled=scaled)
        error = values(residuals, x=x, y=y)[:, 0] - wave(x, y)
        errors[scaled] = float(error.abs().max())
    assert errors[True] < 1e-2 * errors[False]


def test_newton_converges_at_second_order() -> None:
    problem = klein_gordon()
    residuals = features(problem, width=300, scale=8.0)
    reports = fit_last_layer(residuals, points(problem, 900))
    # The last step may find that the span's floor is reached.
    assert all(report.length == 1.0 for report in reports[:-1])
    left = [report.after for report in reports]
    # The residual of a step is of the square of the one before, until the span's floor.
    orders = [
        math.log(b / c) / math.log(a / b)
        for a, b, c in zip([reports[0].before, *left], left, left[1:], strict=False)
        if c > 1e-9
    ]
    assert max(orders) > 1.5
    assert left[-1] < 1e-6 * reports[0].before
    assert not is_linear(problem)


def test_line_search_shortens_steps_that_would_go_too_far() -> None:
    line = Interval(x=(0, 1))
    problem = Problem(
        domain=line,
        fields="u",
        conditions={
            "steep": Condition(lambda u: torch.atan(20 * (u - 0.5)) + 0 * u.x, on=line.interior)
        },
    )
    residuals = features(problem, width=10, scale=1.0)
    parameters = coefficients(residuals)
    set_flat(parameters, torch.zeros(10))
    fit = LastLayerFit(residuals, points(problem, 50))
    lengths = []
    while not fit.done and len(lengths) < 30:
        report = fit.step()
        assert report.after < report.before
        lengths.append(report.length)
    # Newton's method for the inverse tangent runs away from |20 (u - 1/2)| > 1.39.
    assert min(lengths) < 1
    assert fit.converged
    assert float((values(residuals, x=torch.rand(9))[:, 0] - 0.5).abs().max()) < 1e-6


def test_linear_problems_are_told_from_others() -> None:
    def problem(residual: Any, **unknowns: float) -> Problem:
        condition = Condition(residual, on=SQUARE.interior)
        return Problem(
            domain=SQUARE, fields=("u", "v"), conditions={"c": condition}, unknowns=unknowns
        )

    assert is_linear(problem(lambda u, v, x: x * u.xx + v.y - torch.exp(x)))
    assert is_linear(problem(lambda u, v, k: u.x + k * 3 + v, k=1.0))
    assert not is_linear(problem(lambda u, v: u.x + 1e-6 * u * v))
    assert not is_linear(problem(lambda u, v, k: k * u.x + v, k=1.0))
    assert not is_linear(problem(lambda u, v: u.x + torch.abs(v.y)))


def test_unknown_constants_are_fitted_too() -> None:
    problem = Problem(
        domain=LINE,
        fields="u",
        conditions={
            "decay": Condition(lambda u, k: u.x + k * u, on=LINE.interior),
            "start": Dirichlet(u=1, on=LINE.face(x=0)),
            "end": Dirichlet(u=math.exp(-0.7), on=LINE.face(x=1)),
        },
        unknowns={"k": 0.1},
    )
    residuals = features(problem, width=30, scale=2.0)
    parameters = coefficients(residuals)
    with torch.no_grad():
        for p in parameters[:-1]:
            p.zero_()
    reports = fit_last_layer(residuals, points(problem, 60))
    assert residuals.unknowns["k"].item() == pytest.approx(0.7, abs=1e-9)
    assert reports[-1].after < 1e-9


@pytest.mark.parametrize("scaled", [False, True])
def test_hard_windows_are_joined_by_value_and_slope(scaled: bool) -> None:
    residuals, problem = patched("hard", scaled)
    joints = continuity(problem, residuals.model, on_face=12)
    assert orders(problem) == (2, 2)
    assert [set(p) for _, p in joints] == [{"x", "y"}]
    (report,) = fit_last_layer(residuals, points(problem, 400), linear=True, more=joints)
    assert report.after < 1e-5 * report.before
    edge = torch.linspace(0.01, 0.99, 30)
    for axis in range(2):
        beside = torch.full((30,), 0.5)
        sides = [[beside + s, edge] if axis == 0 else [edge, beside + s] for s in (-1e-9, 1e-9)]
        before, behind = (values(residuals, x=a, y=b) for a, b in sides)
        assert float((before - behind).abs().max()) < 1e-5
    x, y = torch.rand(2, 50)
    torch.testing.assert_close(values(residuals, x=x, y=y)[:, 0], wave(x, y), atol=1e-5, rtol=0)


def patched(window: str, scaled: bool = False) -> tuple[Residuals, Problem]:
    problem = Problem(
        domain=SQUARE,
        fields="u",
        conditions={
            "poisson": Condition(laplace, on=SQUARE.interior),
            "boundary": Dirichlet(u=wave, on=SQUARE.boundary, hard=False),
        },
    )
    make = PatchedFactory(
        partial(RandomFeatures, width=160, scale=1.0), (2, 2), find_window(window)
    )
    network = build_network(
        make,
        coordinates=problem.coordinates,
        fields=problem.shapes,
        bounds=problem.domain.bounds,
        seed=0,
        scale={"u": 2.0} if scaled else None,
    )
    return Residuals(problem, network), problem


def test_without_joints_patches_fall_apart() -> None:
    residuals, problem = patched("hard")
    fit_last_layer(residuals, points(problem, 400), linear=True)
    x, y = torch.rand(2, 50)
    error = (values(residuals, x=x, y=y)[:, 0] - wave(x, y)).abs().max()
    # Only one side of each patch knows boundary values: what is left is any harmonic function.
    assert float(error) > 1e-3


def test_smooth_windows_need_no_joints() -> None:
    residuals, problem = patched("smooth")
    assert not continuity(problem, residuals.model, on_face=5)
    (report,) = fit_last_layer(residuals, points(problem, 400), linear=True)
    assert report.after < 1e-4 * report.before


def test_values_of_another_network_are_taken_over() -> None:
    problem = poisson()
    old, new = features(problem, width=40, scale=2.0), features(problem, width=120, scale=3.0)
    set_flat(coefficients(old), torch.randn(40))
    take_over(new.model, old.model, problem.domain.sample(400, seed=0))
    x, y = torch.rand(2, 50)
    torch.testing.assert_close(
        values(new, x=x, y=y), values(old, x=x, y=y).detach(), atol=1e-6, rtol=0
    )


def test_single_precision_is_refused() -> None:
    problem = poisson()
    network = MLP(2, 1).to(torch.float32)
    with pytest.raises(ValueError, match=r"needs float64, but the network has torch\.float32"):
        fit_last_layer(Residuals(problem, network), points(problem))


def test_too_many_coefficients_are_refused_before_work() -> None:
    problem = poisson()
    with pytest.raises(ValueError, match="more than max_bytes"):
        LastLayerFit(features(problem, width=300), points(problem), max_bytes=10_000)


@pytest.mark.parametrize("patches", [1, 9])
def test_large_coefficients_of_earlier_steps_are_shed(patches: int) -> None:
    domain = Interval(x=(-1, 1))
    problem = Problem(
        domain=domain,
        fields="u",
        conditions={
            "poisson": Condition(lambda u, x: u.xx + torch.exp(x), on=domain.interior),
            "ends": Dirichlet(u=0, on=domain.boundary),
        },
    )
    factory = partial(RandomFeatures, width=40 * patches, scale=3.0)
    network = build_network(
        factory if patches == 1 else PatchedFactory(factory, (patches,), find_window("hard")),
        coordinates=("x",),
        fields=problem.shapes,
        bounds=domain.bounds,
        seed=0,
    )
    residuals, drawn = Residuals(problem, network), points(problem)
    fit = LastLayerFit(residuals, drawn, more=continuity(problem, network, 1))
    generator = torch.Generator().manual_seed(3)
    count = fit.rows.columns
    set_flat(fit.parameters, 1e6 * torch.randn(count, generator=generator, dtype=torch.float64))
    for _ in range(3):
        fit.step()
    # Steps that add up leave coefficients of 1e6, and round-off of 1e-10 in every value.
    assert float(flattened(fit.parameters).norm()) < 1e4
    assert fit.rows.norm() < 1e-11
