"""Every adaptive sampler finds the residual, keeps its number of points, and resumes exactly."""

import io

import pytest
import torch
from scipy import stats

from pdenet.geometry import Box, Points
from pdenet.sampling import SAMPLERS, AdaptiveSampler, AdversarialSampler
from pdenet.sampling.history import MOST_FRAMES, effective_share

DOMAIN = Box(x=(0, 1), t=(0, 1))
REGIONS = {"equation": DOMAIN.interior, "other": DOMAIN.interior, "start": DOMAIN.initial}
QUICK = {"pool": 300, "candidates": 1000, "retain": 0.5}
OPTIONS = {
    "rad": {},
    "rar": {"pool": 4000},
    "rar-d": {"pool": 4000},
    "r3": {},
    "das": {"flow_steps": 25, "pool": 300},
    "das-g": {"flow_steps": 25, "pool": 300, "grow": True},
    "failure-informed": {"batch": 1000},
    "adversarial": QUICK,
    "adversarial-krnet": {**QUICK, "flow": "krnet", "lr": 1e-2},
}
# Where it does not matter how far a flow gets.
SHORT = {name: {"flow_steps": 2} for name in OPTIONS if name[:3] in ("das", "adv")}


def peak(name: str, points: Points) -> torch.Tensor:
    """A peak at (0.7, 0.3), in one condition; the other has no residual."""
    x, t = points["x"], points["t"]
    square = ((x - 0.7) ** 2 + (t - 0.3) ** 2) / 0.1**2
    return torch.exp(-square) if name == "equation" else torch.zeros_like(x)


def bound(name: str, seed: int = 0, **options) -> AdaptiveSampler:
    made = SAMPLERS[name if name in SAMPLERS else name.rpartition("-")[0]]
    sampler = made(
        **{"every": 100, "points": 1000, "boundary_points": 50} | OPTIONS[name] | options
    )
    sampler.bind(REGIONS, seed)
    assert isinstance(sampler, AdaptiveSampler)
    return sampler


def near(points: Points, radius: float = 0.15) -> float:
    distance = (points.x - torch.tensor([0.7, 0.3])).norm(dim=1)
    return float((distance < radius).double().mean())


@pytest.mark.parametrize("name", OPTIONS)
def test_points_gather_at_the_residual(name):
    sampler = bound(name)
    for step in (100, 200):
        assert sampler.due(step)
        sampler.adapt(peak, step)
        assert not sampler.due(step)
    points = sampler.draw(200)["equation"]
    # Uniform points are there with a share of pi 0.15^2 = 0.07.
    assert near(points) > 0.14
    assert DOMAIN.contains(points.x).all()
    assert points is sampler.draw(200)["other"]
    assert stats.kstest(sampler.draw(200)["start"]["x"].numpy(), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("name", OPTIONS)
def test_resume_is_exact(name):
    short = SHORT.get(name, {})
    sampler = bound(name, **short)
    sampler.adapt(peak, 100)
    file = io.BytesIO()
    torch.save(sampler.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)  # tensors and plain data only
    resumed = bound(name, **short)
    resumed.load_state_dict(state)
    for step in (150, 200):
        if sampler.due(step):
            sampler.adapt(peak, step)
            resumed.adapt(peak, step)
        for condition, points in sampler.draw(step).items():
            other = resumed.draw(step)[condition]
            assert torch.equal(points.x, other.x)
            assert torch.equal(points.weight, other.weight)
    assert sampler.report() == resumed.report()


@pytest.mark.parametrize("name", OPTIONS)
def test_adaptation_leaves_the_global_generator_alone(name):
    state, short = torch.get_rng_state(), SHORT.get(name, {})
    one, other = bound(name, **short), bound(name, **short)
    one.adapt(peak, 100)
    torch.rand(3)
    other.adapt(peak, 100)
    assert torch.equal(one.draw(100)["equation"].x, other.draw(100)["equation"].x)
    torch.set_rng_state(state)
    bound(name, **short).adapt(peak, 100)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", OPTIONS)
def test_no_residual_leaves_points_everywhere(name):
    sampler = bound(name)
    sampler.adapt(lambda _, points: 0 * points["x"], 100)
    x = sampler.draw(100)["equation"]["x"]
    assert stats.kstest(x.numpy(), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("name", [n for n in OPTIONS if n not in ("rar", "rar-d", "das-g")])
def test_the_number_of_points_stays(name):
    sampler = bound(name, **SHORT.get(name, {}))
    for step in (100, 200):
        sampler.adapt(peak, step)
        assert len(sampler.draw(step)["equation"]) == 1000


@pytest.mark.parametrize(("name", "first"), [("rar", 500), ("rar-d", 500), ("das-g", 200)])
def test_growing_sets_end_with_all_points_and_lose_none(name, first):
    sampler = bound(name, **SHORT.get(name, {}))
    sizes, before = [len(sampler.draw(0)["equation"])], sampler.draw(0)["equation"].x
    for step in range(100, 1200, 100):
        sampler.adapt(peak, step)
        x = sampler.draw(step)["equation"].x
        assert torch.equal(x[: len(before)], before)
        sizes, before = [*sizes, len(x)], x
    assert sizes[0] == first
    assert sizes[-1] == sizes[-2] == 1000


@pytest.mark.parametrize("name", ["rad", "das", "adversarial", "adversarial-krnet"])
def test_weights_are_consistent(name):
    # A pool that is not exhausted: drawing without replacement flattens the law.
    more = {"pool": 100_000} if name == "rad" else {}
    sampler = bound(name, points=4000, **more)
    assert sampler.consistent
    for step in (100, 200):
        sampler.adapt(peak, step)
    points = sampler.draw(200)["equation"]
    # Importance weights of 4000 points, at most 10: standard errors below 0.03.
    assert points.weight.sum().item() == pytest.approx(1, abs=0.09)
    assert (points.weight * points["x"] ** 2).sum().item() == pytest.approx(1 / 3, abs=0.06)


@pytest.mark.parametrize("name", ["rar", "rar-d", "r3", "das-g", "failure-informed"])
def test_samplers_without_a_known_law_say_so(name):
    assert not bound(name).consistent


@pytest.mark.parametrize("name", OPTIONS)
def test_residuals_that_are_not_finite_are_named(name):
    with pytest.raises(ValueError, match=r"'equation' has residuals that are not finite"):
        bound(name).adapt(lambda _, points: points["x"] * float("nan"), 100)


def test_refinement_takes_the_largest_of_its_pool():
    sampler = bound("rar", turns=1)
    sampler.adapt(peak, 100)
    added = sampler.draw(100)["equation"].x[500:]
    assert ((added - torch.tensor([0.7, 0.3])).norm(dim=1)).max() < 0.25  # 500 of 4000, disk of 0.2


def test_retained_points_are_those_above_the_mean():
    sampler = bound("r3")
    before = sampler.draw(0)["equation"]
    size = peak("equation", before)
    sampler.adapt(peak, 100)
    after = sampler.draw(100)["equation"].x
    kept = before.x[size > size.mean()]
    assert torch.equal(after[: len(kept)], kept)
    gone = before.x[size <= size.mean()]
    assert not (after[:, None] == gone[None, :50]).all(-1).any()


def test_failure_probability_is_that_of_the_failure_set():
    sampler = bound("failure-informed", batch=20_000, tolerance=0.9)
    sampler.adapt(peak, 100)
    exact = torch.pi * 0.1**2 * -torch.tensor(0.9).log()  # exp(-r^2 / 0.01) > 0.9 on a small disk
    # Two tenths of 20000 points at a coin's spread, and a Gaussian's weights: four per cent.
    assert sampler.history.latest["equation"]["failure"] == pytest.approx(exact.item(), rel=0.1)


def test_history_is_bounded_and_says_what_happened(monkeypatch):
    most = 16
    monkeypatch.setattr("pdenet.sampling.history.MOST_ENTRIES", most)
    sampler = bound("r3", every=1, points=50)
    for step in range(1, 3 * most):
        sampler.adapt(peak, step)
    report = sampler.report()
    assert report is not None
    assert 0.3 * most < len(report["history"]) <= most
    assert 2 < len(report["frames"]) <= MOST_FRAMES
    steps = [entry["step"] for entry in report["history"]]
    assert steps == sorted(set(steps))
    assert steps[0] == 1
    assert steps[-1] > 2 * most


def test_adaptation_raises_the_effective_sample_size():
    uniform = DOMAIN.sample(1000, seed=0)
    before = effective_share(peak("equation", uniform) ** 2, uniform)
    sampler = bound("adversarial", retain=0.0)
    for step in (100, 200):
        sampler.adapt(peak, step)
    points = sampler.draw(200)["equation"]
    assert effective_share(peak("equation", points) ** 2, points) > 2 * before


@pytest.mark.parametrize(
    ("name", "options", "word"),
    [
        ("rar", {"start": 0.0}, "start=0.0"),
        ("rar", {"turns": 0}, "turns=0"),
        ("rar", {"pool": 10}, "pool=10"),
        ("rar-d", {"k": -1.0}, "k=-1.0"),
        ("das", {"flow": "glow"}, "flow='glow'"),
        ("das", {"floor": 1.0}, "floor=1.0"),
        ("failure-informed", {"share": 1.0}, "share=1.0"),
        ("failure-informed", {"tolerance": 0.0}, "tolerance=0.0"),
        ("failure-informed", {"batch": 50}, "batch=50"),
        ("adversarial", {"beta": 0.0}, "beta=0.0"),
        ("adversarial", {"beta": -1.0}, "beta=-1.0"),
        ("adversarial", {"beta": float("nan")}, "beta=nan"),
        ("adversarial", {"regularization": "none"}, "regularization='none'"),
        ("adversarial", {"estimator": "exact"}, "estimator='exact'"),
        ("adversarial", {"draw": "neither"}, "draw='neither'"),
        ("adversarial", {"smoothing": 0.0}, "smoothing=0.0"),
        ("adversarial", {"floor": -0.1}, "floor=-0.1"),
        ("adversarial", {"points": 2}, "2 points on 'interior' cannot hold a floor=0.15"),
        ("adversarial", {"retain": 1.0}, "retain=1.0"),
        ("adversarial", {"candidates": 100}, "candidates=100"),
    ],
)
def test_bad_options_are_refused(name, options, word):
    with pytest.raises(ValueError, match=word):
        bound(name, **options)


def test_adversary_needs_a_region_with_a_volume():
    sampler = AdversarialSampler()
    with pytest.raises(ValueError, match="needs a condition on a region with a volume"):
        sampler.bind({"wall": DOMAIN.boundary}, 0)
