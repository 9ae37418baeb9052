"""Laws of random functions: covariances, smoothness, and draws that depend on (seed, index)."""

import math

import numpy as np
import pytest
import torch

from pdenet.functions import (
    RBF,
    ChebyshevSeries,
    Expansion,
    FunctionSpace,
    GaussianField,
    Matern,
    PowerSeries,
    Samples,
    WaveField,
)
from pdenet.geometry import Box, Disk, Interval, PointCloud
from pdenet.jets import Layout, propagate

LINE, SQUARE = Interval(x=(0, 1)), Box(x=(0, 1), y=(0, 1))
DRAWS = 4000

FIELDS = [
    pytest.param(GaussianField(LINE, RBF(0.3)), id="rbf"),
    pytest.param(GaussianField(LINE, Matern(0.4, 0.5), nodes=200), id="matern 1/2"),
    pytest.param(GaussianField(LINE, Matern(0.4, 1.5)), id="matern 3/2"),
    pytest.param(GaussianField(LINE, Matern(0.4, 2.5), deviation=2.0), id="matern 5/2"),
    pytest.param(GaussianField(SQUARE, RBF(0.5)), id="rbf in the square"),
    pytest.param(GaussianField(Disk(center=(0, 0), radius=1), RBF(0.8)), id="rbf in a disk"),
]
SPACES: list[FunctionSpace] = [
    GaussianField(LINE, RBF(0.3), mean=1.0),
    WaveField(LINE, RBF(0.2), waves=8),
    WaveField(SQUARE, Matern(0.3, 2.5), kind="cosine", waves=4),
    WaveField(LINE, kind="sine", waves=5),
    ChebyshevSeries(LINE, 5),
    PowerSeries(LINE, 4),
    ChebyshevSeries(LINE, 3).map(torch.exp),
    Samples({"x": np.linspace(0, 1, 7)}, np.random.default_rng(0).normal(size=(9, 7))),
]


@pytest.mark.parametrize("field", FIELDS)
def test_covariance_is_the_kernel(field: GaussianField) -> None:
    x = field.nodes[:: max(1, len(field.nodes) // 6)][:6]
    values = field.draw(DRAWS, seed=1)(x)
    found = values @ values.T / DRAWS
    wanted = field.deviation**2 * field.kernel(x, x)
    # Variance of an estimated covariance of normal numbers; 5 standard deviations for all entries.
    error = ((wanted.diagonal().outer(wanted.diagonal()) + wanted**2) / DRAWS).sqrt()
    assert ((found - wanted).abs() < 5 * error).all()


def test_between_nodes_the_covariance_is_nearly_the_kernel() -> None:
    field = GaussianField(LINE, RBF(0.2))
    x = torch.linspace(0, 1, 33)[:, None]
    basis = field.basis(x)
    # The default spacing promises 1e-3 of the deviation; covariances differ by its square.
    assert (basis @ basis.T - field.kernel(x, x)).abs().max() < 2e-3


def test_a_set_of_points_gets_the_law_itself() -> None:
    cloud = PointCloud(x=[0.0, 0.1, 0.7], y=[0.0, 0.5, 0.2])
    field = GaussianField(cloud, Matern(0.5, 1.5))
    basis = field.basis(cloud.x)
    torch.testing.assert_close(basis @ basis.T, field.kernel(cloud.x, cloud.x))


@pytest.mark.parametrize("kind", ["periodic", "cosine", "sine"])
def test_waves_have_the_deviation_and_the_boundary_behaviour(kind) -> None:
    field = WaveField(LINE, RBF(0.15), kind=kind, waves=10, deviation=3.0)
    points = LINE.quadrature(200)
    variance = field.basis(points.x).square().sum(1)
    assert float((points.weight * variance).sum()) == pytest.approx(9.0, rel=1e-10)
    jet = propagate(field.draw(4, seed=0), torch.tensor([[0.0], [1.0]]), Layout(("x",), [(0,)]))
    value, slope = jet.channels
    size = 3.0 * 10 * math.pi
    if kind == "periodic":
        assert (value[0] - value[1]).abs().max() < 1e-12 * size
        assert (slope[0] - slope[1]).abs().max() < 1e-12 * size
    else:
        assert (slope if kind == "cosine" else value).abs().max() < 1e-12 * size


def test_periodic_covariance_depends_on_the_distance_alone() -> None:
    field = WaveField(SQUARE, RBF(0.3), waves=4)
    x = torch.rand(5, 2)
    shifted = (x + torch.tensor([0.3, 0.8])) % 1
    one, other = (field.basis(p) @ field.basis(p).T for p in (x, shifted))
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("smoothness", "order"), [(0.5, 1.0), (1.5, 2.0)])
def test_increments_shrink_as_smoothness_says(smoothness: float, order: float) -> None:
    field = GaussianField(LINE, Matern(0.5, smoothness), nodes=801)
    # E (f(x + h) - f(x))^2 is 2 (k(0) - k(h)): of order h for continuous draws, h^2 for smoother.
    h = torch.tensor([1, 2, 4, 8]) / 800
    basis = field.basis(torch.cat([torch.tensor([0.5]), 0.5 + h])[:, None])
    squares = (basis[1:] - basis[0]).square().sum(1)
    slope = np.polyfit(np.log(h.numpy()), np.log(squares.numpy()), 1)[0]
    assert slope == pytest.approx(order, abs=0.05)


def test_chebyshev_and_power_series_are_numpys() -> None:
    x = np.linspace(2, 4, 9)
    region = Interval(x=(2, 4))
    for space, evaluate in (
        (ChebyshevSeries(region, 6, bound=2.0), np.polynomial.chebyshev.chebval),
        (PowerSeries(region, 6, bound=2.0), np.polynomial.polynomial.polyval),
    ):
        draws = space.draw(3, seed=4)
        assert draws.coefficients.abs().max() <= 2.0
        exact = [evaluate(x - 3, c) for c in draws.coefficients.numpy()]
        np.testing.assert_allclose(draws(torch.as_tensor(x)[:, None]).T, exact, atol=1e-12)


@pytest.mark.parametrize("space", SPACES, ids=lambda s: type(s).__name__)
def test_draws_are_pure_functions_of_seed_and_index(space: FunctionSpace) -> None:
    x = space.on.sample(5, seed=0).x
    many = space.draw(6, seed=3)
    assert torch.equal(space.draw(4, seed=3).coefficients, many[:4].coefficients)
    assert torch.equal(space.draw(2, seed=3, start=4).coefficients, many[4:].coefficients)
    torch.testing.assert_close(many[[2, 0]](x), many(x)[:, [2, 0]])
    torch.testing.assert_close(many(x[:2]), many(x)[:2])
    again = many.paired(x[None].expand(6, -1, -1))
    torch.testing.assert_close(again, many(x).T)


@pytest.mark.parametrize("space", SPACES[:-1], ids=lambda s: type(s).__name__)
def test_unseen_functions_are_others(space: FunctionSpace) -> None:
    seen = space.training(50, seed=0).coefficients
    for stream in (0, 1):
        unseen = space.unseen(3, stream=stream).coefficients
        assert float(torch.cdist(unseen, seen).min()) > 1e-6
    assert not torch.equal(space.unseen(3).coefficients, space.unseen(3, stream=1).coefficients)


@pytest.mark.parametrize("space", [s for s in SPACES if not isinstance(s, Samples)])
def test_partials_by_jets_are_those_of_autograd(space: FunctionSpace) -> None:
    draws, names = space.draw(2, seed=0), space.coordinates
    x = space.on.sample(4, seed=1).x.requires_grad_()
    jet = propagate(draws, x.detach(), Layout(names, [(0,)]))
    for i in range(2):
        (slope,) = torch.autograd.grad(draws(x)[:, i].sum(), x)
        torch.testing.assert_close(jet.partial((0,))[:, i], slope[:, 0], rtol=1e-8, atol=1e-8)


def test_single_precision_points_lose_no_digits_of_the_series() -> None:
    draws = GaussianField(LINE, RBF(0.2)).draw(3, seed=0)
    x = torch.linspace(0, 1, 11)[:, None]
    found = draws(x.float())
    assert found.dtype == torch.float32
    assert (found - draws(x)).abs().max() < 1e-5  # what rounding the points makes


def test_seeds_differ() -> None:
    space: Expansion = GaussianField(LINE, RBF(0.2))
    assert not torch.equal(space.draw(2, seed=0).coefficients, space.draw(2, seed=1).coefficients)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: GaussianField(LINE, RBF(-1.0)), "length"),
        (lambda: GaussianField(LINE, Matern(1.0, 2.0)), "smoothness"),
        (lambda: GaussianField(LINE, RBF(1e-4)), "fewer nodes"),
        (lambda: GaussianField(LINE.face(x=0), RBF(0.1)), "full dimension"),
        (lambda: GaussianField(LINE, RBF(0.1), deviation=0.0), "deviation"),
        (lambda: GaussianField(LINE, RBF(0.1), nodes=1), "nodes"),
        (lambda: WaveField(Disk(center=(0, 0), radius=1)), "Box"),
        (lambda: WaveField(LINE, kind="square"), "periodic, cosine or sine"),
        (lambda: WaveField(LINE, waves=0), "waves"),
        (lambda: ChebyshevSeries(SQUARE), "one coordinate"),
        (lambda: PowerSeries(LINE, degree=-1), "degree"),
        (lambda: ChebyshevSeries(LINE).map(lambda v: v[:1]), "every value for itself"),
        (lambda: ChebyshevSeries(LINE).map(lambda v: v / 0), "not finite"),
        (lambda: ChebyshevSeries(LINE).draw(0, seed=0), "at least one function"),
        (lambda: ChebyshevSeries(LINE).draw(1, seed=-1), "not negative"),
    ],
)
def test_bad_input_is_refused(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
