"""Even samplers: how points are shared, purity in (seed, step), one object for one region."""

import numpy as np
import pytest
import torch
from scipy import stats

from pdenet.geometry import Box, Point, PointCloud
from pdenet.sampling import SAMPLERS, QuadratureSampler, Sampler, SobolSampler, UniformSampler

DOMAIN = Box(x=(-1, 1), t=(0, 2))
REGIONS = {
    "equation": DOMAIN.interior,
    "mean": DOMAIN.interior,
    "start": DOMAIN.initial,
    "walls": DOMAIN.boundary,
    "gauge": Point(x=0.5, t=1.0),
    "data": PointCloud(x=[0.0, 0.1, 0.2], t=[0.5, 0.5, 1.5]),
}


def bound(sampler: Sampler, seed: int = 3) -> Sampler:
    sampler.bind(REGIONS, seed)
    return sampler


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_region_gets_its_share_and_lies_where_it_should(name):
    drawn = bound(SAMPLERS[name](points=500, boundary_points=60)).draw(0)
    assert list(drawn) == [*REGIONS] or set(drawn) == set(REGIONS)
    sizes = {n: len(p) for n, p in drawn.items()}
    assert sizes["gauge"] == 1
    assert sizes["data"] == 3
    if name not in ("quadrature", "stratified"):  # a grid has the cells that it has
        # Refinement starts from half of its points.
        assert sizes["equation"] == (250 if name in ("rar", "rar-d") else 500)
        assert sizes["start"] == sizes["walls"] == 60
    for condition, points in drawn.items():
        # Weights are measure / n, summed with round-off.
        assert points.weight.sum().item() == pytest.approx(REGIONS[condition].measure, rel=1e-12)
    assert DOMAIN.contains(drawn["equation"].x).all()
    assert (drawn["start"]["t"] == 0).all()


@pytest.mark.parametrize("name", SAMPLERS)
def test_conditions_on_one_region_share_one_object(name):
    drawn = bound(SAMPLERS[name]()).draw(0)
    assert drawn["equation"] is drawn["mean"]
    assert drawn["equation"] is not drawn["start"]


def test_regions_of_full_dimension_share_by_measure():
    small, large = Box(x=(0, 1), y=(0, 1)), Box(x=(1, 4), y=(0, 1))
    sampler = UniformSampler(points=400)
    sampler.bind({"a": small, "b": large}, 0)
    assert {n: len(p) for n, p in sampler.draw(0).items()} == {"a": 100, "b": 300}


def test_counts_of_single_conditions():
    drawn = bound(UniformSampler(counts={"start": 17, "mean": 33})).draw(0)
    assert len(drawn["start"]) == 17
    assert len(drawn["equation"]) == len(drawn["mean"]) == 33


@pytest.mark.parametrize("name", SAMPLERS)
def test_points_are_a_pure_function_of_seed_and_step(name):
    torch.manual_seed(1)
    one, other = bound(SAMPLERS[name]()), bound(SAMPLERS[name]())
    state = torch.get_rng_state()
    for step in (40, 0, 7):
        one.draw(step)
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002 - a stray use of the global generator would show
    for condition, points in other.draw(40).items():
        assert torch.equal(points.x, one.draw(40)[condition].x)
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)  # nobody advanced it


@pytest.mark.parametrize("name", ["uniform", "sobol", "latin-hypercube"])
def test_fresh_sets_come_every_so_many_steps(name):
    sampler = bound(SAMPLERS[name](every=5))
    first = sampler.draw(0)
    assert sampler.draw(4) is first
    fresh = sampler.draw(5)
    assert not torch.equal(fresh["equation"].x, first["equation"].x)
    again = sampler.draw(0)
    assert torch.equal(again["equation"].x, first["equation"].x)
    fixed = bound(SAMPLERS[name](every=None))
    assert fixed.draw(10**6) is fixed.draw(0)


def test_seeds_and_conditions_give_different_points():
    one, other = bound(UniformSampler(), 0).draw(0), bound(UniformSampler(), 1).draw(0)
    assert not torch.equal(one["equation"].x, other["equation"].x)
    sampler = UniformSampler()
    sampler.bind({"left": DOMAIN.face(x=-1), "right": DOMAIN.face(x=1)}, 0)
    walls = sampler.draw(0)
    # The same random numbers on both walls would look like a grid.
    assert not torch.equal(walls["left"]["t"], walls["right"]["t"])


def test_sets_of_different_steps_are_independent():
    sampler = bound(UniformSampler(points=2000, every=1))
    x = torch.stack([sampler.draw(k)["equation"]["x"] for k in range(2)])
    # 2000 independent pairs: correlations beyond 0.09 are four standard deviations.
    assert abs(torch.corrcoef(x)[0, 1]) < 0.09


def test_uniform_points_are_uniform():
    x = bound(UniformSampler(points=5000)).draw(0)["equation"].x
    for column, (low, high) in zip(x.T, ((-1, 1), (0, 2)), strict=True):
        # A fixed seed; 1e-3 would be passed by a thousandth of good samplers' failures.
        assert stats.kstest(column.numpy(), stats.uniform(low, high - low).cdf).pvalue > 1e-3


def test_sobol_is_more_even_than_chance():
    def discrepancy(sampler):
        x = bound(sampler).draw(0)["equation"].x
        return stats.qmc.discrepancy(((x + torch.tensor([1.0, 0.0])) / 2).numpy())

    sobol, chance = (discrepancy(s(points=1024)) for s in (SobolSampler, UniformSampler))
    assert sobol < 0.05 * chance  # about n^-2 against n^-1 in the squared measure


def test_quadrature_integrates_polynomials_exactly():
    points = bound(QuadratureSampler(points=100)).draw(0)["equation"]
    x, t = points["x"], points["t"]
    # Ten nodes a direction are exact to degree 19; round-off remains.
    integral = (points.weight * x**10 * t**3).sum().item()
    assert integral == pytest.approx(2 / 11 * 4, rel=1e-13)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"points": 0}, "points=0"),
        ({"points": 2.5}, "whole number"),
        ({"boundary_points": -1}, "boundary_points=-1"),
        ({"every": 0}, "every=0"),
        ({"counts": {"start": 0}}, r"counts\['start'\]=0"),
    ],
)
def test_bad_options_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        UniformSampler(**options)


def test_bad_bindings_are_refused():
    with pytest.raises(ValueError, match="strat"):
        bound(UniformSampler(counts={"strat": 3}))
    with pytest.raises(ValueError, match="share the points"):
        bound(UniformSampler(counts={"equation": 3, "mean": 4}))
    with pytest.raises(ValueError, match="no conditions"):
        UniformSampler().bind({}, 0)
    with pytest.raises(ValueError, match="bind"):
        UniformSampler().draw(0)
