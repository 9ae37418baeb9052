"""Properties of every domain: measures, quadrature, normals, membership, laws of the points."""

import math

import pytest
import torch
from torch import Tensor

from pdenet.geometry import METHODS, Box, Disk, Ellipse, Interval, Points, Region, Sphere

# Curves are cut where membership changes 1e-12 off them, so that ends are as uncertain.
CUT = 1e-10


def field(x: Tensor) -> Tensor:
    """A smooth vector field without symmetries, shape (n, d)."""
    d = x.shape[1]
    return x**2 * torch.sin(0.5 * x.sum(1, keepdim=True)) + x * torch.arange(1, d + 1)


def divergence(x: Tensor, axes: list[int]) -> Tensor:
    x = x.clone().requires_grad_()
    values = field(x)
    parts = [torch.autograd.grad(values[:, a].sum(), x, retain_graph=True)[0][:, a] for a in axes]
    return torch.stack(parts).sum(0)


def test_measures_equal_their_closed_forms(case):
    rough = 1e-3 if case.name in ("balls", "cube-corner") else CUT
    assert case.domain.measure == pytest.approx(case.measure, rel=rough)
    assert case.domain.boundary.measure == pytest.approx(case.surface, rel=rough)


def test_quadrature_weights_sum_to_the_measure(case):
    for region in (case.domain, case.domain.boundary, *case.domain.faces.values()):
        points = region.quadrature(500)
        assert float(points.weight.sum()) == pytest.approx(region.measure, rel=1e-12), region
        assert bool((points.weight > 0).all())


def test_divergence_theorem(case):
    """The flux through the boundary: a strong check of normals and of both rules."""
    domain, boundary = case.domain, case.domain.boundary
    axes = [domain.coordinates.index(name) for name in domain.space]
    inside, walls = domain.quadrature(4000), boundary.quadrature(4000)
    assert walls.normals is not None
    volume = inside.weight @ divergence(inside.x, axes)
    flux = walls.weight @ (field(walls.x)[:, axes] * walls.normals).sum(1)
    size = float(inside.weight @ divergence(inside.x, axes).abs())
    # Gauss rules of so many nodes reach rounding; points drawn are as good as the case says.
    tolerance = case.rough or 1e-12
    assert float((volume - flux).abs()) < tolerance * size


def test_normals_are_unit_vectors_that_point_out(case):
    domain = case.domain
    points = domain.boundary.sample(300, seed=1)
    assert points.normals is not None
    # Rounding of one square root.
    torch.testing.assert_close(
        points.normals.norm(dim=1), torch.ones(len(points)), rtol=1e-14, atol=0
    )
    step = torch.zeros_like(points.x)
    for i, name in enumerate(domain.space):
        step[:, domain.coordinates.index(name)] = 1e-6 * points.normals[:, i]
    # Closer to a corner than the step either side may be wrong: of 300 points none is here.
    assert bool(domain.contains(points.x - step).all())
    assert not bool(domain.contains(points.x + step).any())


@pytest.mark.parametrize("method", METHODS)
def test_samples_lie_inside_with_equal_weights(case, method):
    points = case.domain.sample(257, seed=2, method=method)
    assert points.x.shape == (257, len(case.domain.coordinates))
    assert points.x.dtype == torch.float64
    assert bool(case.domain.contains(points.x).all())
    assert float(points.weight.sum()) == pytest.approx(case.domain.measure, rel=1e-12)
    torch.testing.assert_close(points.density, torch.full((257,), 1 / case.domain.measure))


@pytest.mark.parametrize("method", METHODS)
def test_samples_are_pure_in_their_arguments(case, method):
    for region in (case.domain, case.domain.boundary):
        first = region.sample(64, seed=(3, 4), method=method)
        assert torch.equal(first.x, region.sample(64, seed=(3, 4), method=method).x)
        if region.dimension:
            assert not torch.equal(first.x, region.sample(64, seed=(4, 3), method=method).x)


def test_bounds_hold_all_points(case):
    for region in (case.domain, case.domain.boundary):
        x = region.sample(500, seed=5).x
        low, high = torch.tensor([region.bounds[c] for c in region.coordinates]).T
        assert bool(((x >= low - 1e-12) & (x <= high + 1e-12)).all())


@pytest.mark.parametrize("part", ["interior", "boundary"])
def test_points_follow_the_uniform_law(case, part):
    """Averages over points drawn agree with the quadrature rule, which is built another way."""
    region: Region = getattr(case.domain, part)
    if region.dimension == 0:
        pytest.skip("all points there are")
    rule, drawn = region.quadrature(20_000), region.sample(20_000, seed=6)
    center, spread = drawn.x.mean(0), drawn.x.std(0) + 1e-12

    def values(points: Points) -> Tensor:
        x = (points.x - center) / spread
        waves = [torch.cos(x[:, i] + i) for i in range(x.shape[1])]
        normals = [] if points.normals is None else list(points.normals.T * x[:, 0])
        return torch.stack([*x.T, *x.square().T, x.prod(1), *waves, *normals])

    expected = values(rule) @ rule.weight / region.measure
    found = values(drawn)
    deviation = found.std(1) / math.sqrt(len(drawn)) + 1e-12
    # Some 400 comparisons in all: five standard deviations happen by chance once in 4000 runs.
    assert bool(((found.mean(1) - expected).abs() < 5 * deviation).all())


def test_interior_counts_pass_chi_square(case):
    """Cells of a grid get their share, estimated by rejection from the bounding box."""
    domain = case.domain
    if len(domain.coordinates) > 3:
        pytest.skip("cells of a grid are too many")
    low, high = torch.tensor([domain.bounds[c] for c in domain.coordinates]).T
    pool = Box(**domain.bounds).sample(2**16, seed=7, method="sobol").x
    pool = pool[domain.contains(pool)]

    def count(x: Tensor) -> Tensor:
        cell = ((x - low) / (high - low) * 4).long().clamp(0, 3)
        number = (cell * 4 ** torch.arange(len(low))).sum(1)
        return torch.bincount(number, minlength=4 ** len(low)).double()

    n = 4000
    expected = count(pool) / len(pool) * n
    likely = expected > 5
    # Mean + 5 standard deviations of chi-square, with room for cells of the estimate.
    freedom = int(likely.sum())
    limit = freedom + 5 * math.sqrt(2 * freedom) + 5
    for method in METHODS:
        found = count(domain.sample(n, seed=8, method=method).x)
        assert bool((found[expected == 0] <= 1).all())
        assert float(((found - expected) ** 2 / expected)[likely].sum()) < limit, method


def test_disk_rule_is_exact_to_its_degree():
    disk = Disk((0, 0), 1)
    points = disk.quadrature(2 * 4**2)
    # Degree 7 with 4 nodes along the radius: moments of the unit disk are
    # 2 (a - 1)!! (b - 1)!! pi / (2^(1 + (a + b) / 2) ((a + b) / 2 + 1)!) for even a and b.
    exact = {(0, 0): math.pi, (2, 0): math.pi / 4, (2, 2): math.pi / 24, (4, 2): math.pi / 64}
    for (a, b), value in exact.items():
        moment = float(points.weight @ (points["x"] ** a * points["y"] ** b))
        assert moment == pytest.approx(value, abs=1e-14)
    odd = float(points.weight @ (points["x"] ** 3 * points["y"] ** 4))
    assert abs(odd) < 1e-15


@pytest.mark.parametrize("d", [2, 3, 4, 5])
def test_sphere_rule_is_exact_to_its_degree(d):
    names = tuple(f"x{i}" for i in range(d))
    sphere = Sphere((0.0,) * d, 1, names)
    points = sphere.quadrature(2 * 4 ** (d - 1))
    for axis in range(d):
        for k, ratio in ((2, 1 / d), (4, 3 / (d * (d + 2))), (6, 15 / (d * (d + 2) * (d + 4)))):
            moment = float(points.weight @ points.x[:, axis] ** k) / sphere.measure
            assert moment == pytest.approx(ratio, rel=1e-12)


def test_ellipse_perimeter_converges_and_points_are_even_in_arc_length():
    boundary = Ellipse((0, 0), (10, 0.1)).boundary
    # Perimeter 40 E(1 - 1e-4) = 40.0106, by the slowly convergent polygon.
    angle = torch.linspace(0, 2 * math.pi, 200_001)
    polygon = torch.stack([10 * angle.cos(), 0.1 * angle.sin()], 1).diff(dim=0).norm(dim=1).sum()
    assert boundary.measure == pytest.approx(float(polygon), rel=1e-8)
    u = torch.linspace(0, 1, 4001)[:, None]
    steps = boundary.place(u).x.diff(dim=0).norm(dim=1)
    # Chords of equal arcs: equal but at the two sharp ends, whose radius of curvature is 1e-3.
    share = (steps / (boundary.measure / 4000) - 1).abs()
    assert float(share.quantile(0.99)) < 1e-6
    assert float(share.max()) < 0.7


@pytest.mark.parametrize("n", [0, -3, 2.5, True])
def test_bad_number_of_points(n):
    for draw in (
        lambda: Interval(x=(0, 1)).sample(n, seed=0),
        lambda: Disk((0, 0), 1).quadrature(n),
    ):
        with pytest.raises(ValueError, match="positive whole number"):
            draw()
