"""A flow on a region: members only, densities that integrate to one, weights that integrate."""

import pytest
import torch
from scipy import stats

from pdenet.flows import BoundedKRnet, KRnet
from pdenet.geometry import Box, Disk, Interval
from pdenet.sampling.law import CollapseError, FlowLaw

SQUARE = Box(x=(-1, 1), y=(0, 3))
ELL = Box(x=(-1, 1), y=(-1, 1)) - Box(x=(0, 1), y=(-1, 0))
REGIONS = {
    "box": SQUARE,
    "corner": ELL,
    "space-time": Disk(center=(0, 0), radius=1) * Interval(t=(0, 2)),
}


def law(region, floor=0.1, flow=BoundedKRnet, size=0.3):
    dimension = len(region.coordinates)
    made = flow(dimension, depth=2, width=8)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in made.parameters():
            p += size * torch.randn(p.shape, generator=generator, dtype=p.dtype)
    return FlowLaw(region, made, floor)


@pytest.mark.parametrize("flow", [BoundedKRnet, KRnet])
@pytest.mark.parametrize("name", REGIONS)
def test_weights_integrate(name, flow):
    region = REGIONS[name]
    # Larger moves of a KRnet throw its mass far out of the cube.
    size = 0.3 if flow is BoundedKRnet else 0.05
    points = law(region, 0.2, flow, size).points(8000, (1, 2))
    assert region.contains(points.x).all()
    even = region.quadrature(20_000)
    for f in (lambda p: torch.ones(len(p)), lambda p: p.x[:, 0] ** 2 + p.x[:, 1]):
        found, exact = (points.weight * f(points)).sum(), (even.weight * f(even)).sum()
        # Weights are at most 5 times the even ones: three standard errors of 8000 points.
        spread = (points.weight * f(points)).std() * len(points) ** 0.5
        assert (found - exact).abs() < 3 * spread + 0.01 * exact.abs()
    torch.testing.assert_close(points.weight * points.density, torch.full((8000,), 1 / 8000))


def test_mass_of_a_flow_cut_by_a_region():
    found = law(ELL)
    found.draw(5000, (3,))
    grid = (torch.arange(200) + 0.5) / 200
    u = torch.cartesian_prod(grid, grid)
    with torch.no_grad():
        density = found.flow.log_prob(u).exp()
    exact = density[found.inside(u)].sum() / density.sum()
    # A share of 5000 draws: four standard deviations.
    assert found.mass == pytest.approx(exact.item(), abs=4 * (0.25 / 5000) ** 0.5)


def test_points_follow_the_mixture():
    found = law(ELL, floor=0.3)
    points = found.points(6000, (4,))
    x = points.x[:, 0]
    grid = (torch.arange(240) + 0.5) / 240
    u = torch.cartesian_prod(grid, grid)
    inside = found.inside(u)
    with torch.no_grad():
        p = found.flow.log_prob(u).exp() * inside
    mixture = 0.7 * p / p.sum() + 0.3 * inside / inside.sum()
    columns = mixture.reshape(240, 240).sum(1).reshape(8, 30).sum(1) * len(x)
    counts = torch.histogram(x, 8, range=(-1.0, 1.0)).hist
    assert stats.chisquare(counts.numpy(), columns.numpy(), sum_check=False).pvalue > 1e-3
    assert stats.chisquare(counts.numpy()).pvalue < 1e-10


def test_box_with_bounded_flow_is_exact_and_floor_counts():
    found = law(SQUARE, floor=0.25)
    assert found.exact
    assert found.mass == 1.0
    _, q = found.draw(400, (5,))
    assert q.min() >= 0.25
    _, q = law(SQUARE, floor=0.0).draw(400, (5,))
    assert q.min() < 0.25


def test_draws_are_a_pure_function_of_their_seed():
    found = law(ELL)
    first, again, other = (found.points(50, words).x for words in ((1, 2), (1, 2), (1, 3)))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_regions_that_cannot_hold_a_flow_are_refused():
    with pytest.raises(ValueError, match="no volume"):
        FlowLaw(SQUARE.boundary, BoundedKRnet(2), 0.1)
    part = SQUARE.interior.where(lambda x: x > 0, "half")
    with pytest.raises(ValueError, match="no membership test"):
        FlowLaw(part, BoundedKRnet(2), 0.1)


def test_a_flow_outside_of_its_region_has_collapsed():
    box = Box(x=(-1, 1), y=(-1, 1)) - Disk(center=(0.0, 0.0), radius=0.5)
    found = law(box)
    with torch.no_grad():  # all mass at the centre, which the region lacks
        marginals = found.flow.layers[0]
        cells = torch.linspace(-1, 1, marginals.log_density.shape[1])
        marginals.log_density.copy_(-8 * (cells.abs() > 0.1).double().expand(2, -1))
        marginals.log_density.add_(8 * (cells.abs() < 0.05).double())
        for layer in list(found.flow.layers)[1:]:
            for p in layer.parameters():
                p.zero_()
    with pytest.raises(CollapseError, match="fell into"):
        found.draw(100, (1,))


def test_densities_that_are_not_finite_are_a_collapse():
    found = law(SQUARE)
    with torch.no_grad():
        next(iter(found.flow.parameters())).fill_(float("nan"))
    with pytest.raises(CollapseError, match="not finite"):
        found.draw(100, (1,))
