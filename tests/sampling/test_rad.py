"""The adaptive sampler draws from the law that it states, and resumes exactly."""

import io

import pytest
import torch
from scipy import stats

from pdenet.geometry import Box, Points
from pdenet.sampling import ResidualAdaptiveSampler

DOMAIN = Box(x=(0, 1), t=(0, 1))
REGIONS = {"equation": DOMAIN.interior, "other": DOMAIN.interior, "start": DOMAIN.initial}


def front(name: str, points: Points) -> torch.Tensor:
    """A shock at x = 1/2, in one condition; the other has no residual."""
    x = points["x"]
    return torch.exp(-(((x - 0.5) / 0.05) ** 2)) if name == "equation" else torch.zeros_like(x)


def bound(seed: int = 0, **options) -> ResidualAdaptiveSampler:
    sampler = ResidualAdaptiveSampler(**{"every": 100, "points": 1000, **options})
    sampler.bind(REGIONS, seed)
    return sampler


def test_uniform_until_adapted_and_due_once_an_epoch():
    sampler = bound()
    assert not sampler.due(0)
    assert not sampler.due(99)
    before = sampler.draw(99)["equation"]
    assert stats.kstest(before["x"].numpy(), "uniform").pvalue > 1e-3
    assert sampler.due(100)
    sampler.adapt(front, 100)
    assert not sampler.due(100)
    assert not sampler.due(199)
    assert sampler.due(200)
    assert not torch.equal(sampler.draw(100)["equation"].x, before.x)


@pytest.mark.parametrize(("k", "c"), [(1.0, 1.0), (2.0, 0.5), (1.0, 0.0)])
def test_points_follow_the_stated_law(k, c):
    # The pool is fifty times the set, so that drawing without replacement hardly matters.
    sampler = bound(k=k, c=c, points=1000, pool=50_000)
    sampler.adapt(front, 100)
    x = sampler.draw(100)["equation"]["x"]
    grid = (torch.arange(20_000) + 0.5) / 20_000
    power = torch.exp(-(((grid - 0.5) / 0.05) ** 2)) ** k
    law = (power / power.mean() + c) / (1 + c) / len(grid)
    edges = torch.tensor([0.0, 0.2, 0.4, 0.45, 0.5, 0.55, 0.6, 0.8, 1.0])
    expected = torch.histogram(grid, edges, weight=law).hist * len(x)
    found = torch.histogram(x, edges).hist
    some = expected > 5  # with c = 0 the outer bins are empty, which a sum cannot test
    assert found[~some].sum() <= 5
    expected = expected[some] * (found[some].sum() / expected[some].sum())
    p = stats.chisquare(found[some].numpy(), expected.numpy()).pvalue
    assert p > 1e-3  # fixed seed; uniform points give less than 1e-100


def test_weights_integrate_with_the_adapted_points():
    sampler = bound(points=4000, pool=100_000)
    sampler.adapt(front, 100)
    points = sampler.draw(100)["equation"]
    # Importance weights: the standard error of both sums is about 1/sqrt(4000) = 0.016.
    assert points.weight.sum().item() == pytest.approx(1, abs=0.05)
    assert (points.weight * points["x"] ** 2).sum().item() == pytest.approx(1 / 3, abs=0.03)
    assert torch.allclose(points.weight * points.density, torch.tensor(1 / 4000))


def test_no_point_comes_twice_and_all_lie_inside():
    sampler = bound(points=1500, pool=2000)
    sampler.adapt(front, 100)
    x = sampler.draw(100)["equation"].x
    assert len(x.unique(dim=0)) == 1500
    assert DOMAIN.contains(x).all()


def test_conditions_on_a_region_are_joined_by_squares():
    def score(name, points):
        x = points["x"]
        left, right = torch.exp(-((x - 0.2) ** 2) / 1e-3), torch.exp(-((x - 0.8) ** 2) / 1e-3)
        return torch.stack((left, 0 * x), 1) if name == "equation" else right

    sampler = bound(c=0.0)
    sampler.adapt(score, 100)
    drawn = sampler.draw(100)
    assert drawn["equation"] is drawn["other"]
    x = drawn["equation"]["x"]
    near = [((x - centre).abs() < 0.1).double().mean().item() for centre in (0.2, 0.8)]
    assert near == pytest.approx([0.5, 0.5], abs=0.06)  # four standard deviations of a coin


def test_only_the_interior_adapts_and_walls_stay_fresh():
    sampler = bound()
    first = sampler.draw(0)["start"].x
    sampler.adapt(front, 100)
    second = sampler.draw(100)["start"]
    assert not torch.equal(first, second.x)
    assert stats.kstest(second["x"].numpy(), "uniform").pvalue > 1e-3


def test_integrals_have_no_say():
    sampler = bound()
    sampler.adapt(lambda name, p: front(name, p) if name == "equation" else torch.ones(1), 100)
    other = bound()
    other.adapt(front, 100)
    assert torch.equal(sampler.draw(100)["equation"].x, other.draw(100)["equation"].x)


@pytest.mark.parametrize("bind_first", [True, False])
def test_resume_is_exact(bind_first):
    sampler = bound()
    sampler.adapt(front, 100)
    file = io.BytesIO()
    torch.save(sampler.state_dict(), file)
    file.seek(0)
    # Checkpoints are read without running code from them.
    state = torch.load(file, weights_only=True)
    resumed = ResidualAdaptiveSampler(every=100, points=1000)
    if bind_first:
        resumed.bind(REGIONS, 0)
    resumed.load_state_dict(state)
    if not bind_first:
        resumed.bind(REGIONS, 0)
    for step in (150, 200):
        assert sampler.due(step) == resumed.due(step) == (step == 200)
        if step == 200:
            sampler.adapt(front, step)
            resumed.adapt(front, step)
        for name, points in sampler.draw(step).items():
            assert torch.equal(points.x, resumed.draw(step)[name].x)
            assert torch.equal(points.weight, resumed.draw(step)[name].weight)


def test_precision_of_the_model_does_not_touch_the_state():
    sampler = bound()
    sampler.adapt(front, 100)
    before = sampler.draw(100)["equation"].x
    assert torch.equal(sampler.float().draw(100)["equation"].x, before)
    assert before.dtype == torch.float64


def test_another_binding_forgets():
    sampler = bound()
    sampler.adapt(front, 100)
    moved = {name: region.at_time(1, 2) for name, region in REGIONS.items()}
    sampler.bind(moved, 0)
    assert (sampler.draw(100)["equation"]["t"] >= 1).all()


@pytest.mark.parametrize("k", [0.0, 1.0])
def test_no_residual_means_uniform(k):
    sampler = bound(k=k)
    sampler.adapt(lambda _, points: 0 * points["x"], 100)
    assert stats.kstest(sampler.draw(100)["equation"]["x"].numpy(), "uniform").pvalue > 1e-3


def test_huge_residuals_do_not_overflow():
    ratio = ResidualAdaptiveSampler(k=4).ratio(torch.tensor([1e200, 1e100]))
    assert ratio.tolist() == pytest.approx([1.5, 0.5], rel=1e-12)


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="k=-1"):
        ResidualAdaptiveSampler(k=-1)
    with pytest.raises(ValueError, match="c=nan"):
        ResidualAdaptiveSampler(c=float("nan"))
    with pytest.raises(ValueError, match="pool=10"):
        bound(pool=10)
    with pytest.raises(ValueError, match="every"):
        ResidualAdaptiveSampler(every=None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not finite"):
        bound().adapt(lambda _, points: points["x"] * float("nan"), 100)
