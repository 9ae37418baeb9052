"""Balances against their formulas, by hand."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Initial, Integral, Problem
from pdenet.balancing import (
    BALANCES,
    Balance,
    Causal,
    GradientNorm,
    Product,
    ReLoBRaLo,
    ResidualAttention,
    Static,
)
from pdenet.geometry import Box, Points
from pdenet.networks import MLP
from pdenet.residuals import Residuals

DOMAIN = Box(x=(0, 1), t=(0, 2))
REGIONS = {
    "equation": DOMAIN.interior,
    "mean": DOMAIN.interior,
    "start": DOMAIN.initial,
    "walls": DOMAIN.boundary,
}
POINTS = {n: r.sample(40 if r is DOMAIN.interior else 12, seed=1) for n, r in REGIONS.items()}
POINTS["mean"] = POINTS["equation"]


def rows(seed: int) -> dict[str, Tensor]:
    """A system of two equations, an integral, and two scalar conditions."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {"equation": (40, 2), "mean": (1,), "start": (12,), "walls": (12,)}
    return {n: torch.randn(*s, generator=generator) for n, s in shapes.items()}


def norms(**values: float):
    return lambda: {n: torch.tensor(v) for n, v in values.items()}


def forbidden() -> dict[str, Tensor]:
    raise AssertionError("gradient norms are dear; nobody may ask for them now")


def source() -> Residuals:
    """Rows that balances look at themselves: two equations, an integral, values."""
    conditions = {
        "equation": Condition(lambda u: (u.t - u.xx, u.x), on=DOMAIN.interior),
        "mean": Integral(lambda u: u, on=DOMAIN.interior, equals=0.0),
        "start": Initial(u=1.0, on=DOMAIN.initial),
        "walls": Dirichlet(u=0.0, on=DOMAIN.boundary),
    }
    problem = Problem(domain=DOMAIN, fields="u", conditions=conditions)
    return Residuals(problem, MLP(2, 1, width=3, depth=1, seed=0))


def bound(balance: Balance, seed: int = 0) -> Balance:
    balance.bind(REGIONS, seed)
    balance.attach(source())
    return balance


def values(weights: dict[str, Tensor]) -> dict[str, float]:
    return {n: w.item() for n, w in weights.items()}


@pytest.mark.parametrize("name", BALANCES)
def test_weights_carry_no_gradient_and_the_users_factors(name):
    factor = {"start": 7.0}
    plain, scaled = bound(BALANCES[name]()), bound(BALANCES[name](weights=factor))
    r = {n: v.requires_grad_() for n, v in rows(0).items()}
    known = norms(equation=1.0, mean=2.0, start=3.0, walls=4.0)
    one, other = (b.weigh(0, r, POINTS, known) for b in (plain, scaled))
    for condition, weight in one.items():
        assert not weight.requires_grad
        assert weight.shape in {(), (len(r[condition]),)}
        torch.testing.assert_close(other[condition], weight * factor.get(condition, 1.0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", BALANCES)
def test_weights_have_the_precision_of_the_residuals(name, dtype):
    balance = bound(BALANCES[name]())
    r = {n: v.to(dtype) for n, v in rows(0).items()}
    points = {n: p.to(dtype=dtype) for n, p in POINTS.items()}
    known = {n: torch.tensor(1.0, dtype=dtype) for n in r}
    for step in range(2):
        weights = balance.weigh(step, r, points, lambda: known)
        assert {w.dtype for w in weights.values()} == {dtype}


@pytest.mark.parametrize("name", BALANCES)
def test_resume_is_exact(name):
    def run(balance: Balance, steps: range) -> dict[str, Tensor]:
        for step in steps:
            r = rows(step)
            known = {n: v.square().mean().sqrt() for n, v in r.items()}
            last = balance.weigh(step, r, POINTS, lambda known=known: known)
        return last

    options = {"every": 3} if name in {"gradient-norm", "ntk", "relobralo"} else {}
    whole = run(bound(BALANCES[name](**options)), range(20))
    stopped = bound(BALANCES[name](**options))
    run(stopped, range(11))
    file = io.BytesIO()
    torch.save(stopped.state_dict(), file)
    file.seek(0)
    resumed = bound(BALANCES[name](**options))
    resumed.load_state_dict(torch.load(file, weights_only=True))
    for condition, weight in run(resumed, range(11, 20)).items():
        assert torch.equal(weight, whole[condition])


def test_static_weights():
    weights = bound(Static(weights={"walls": 5.0})).weigh(0, rows(0), POINTS, forbidden)
    assert values(weights) == {"equation": 1, "mean": 1, "start": 1, "walls": 5}


def test_gradient_norms_are_made_equal():
    balance = bound(GradientNorm(every=10, average=0.8))
    known = norms(equation=8.0, mean=4.0, start=2.0, walls=2.0)  # mean 4: targets 1/2, 1, 2, 2
    first = values(balance.weigh(0, rows(0), POINTS, known))
    assert first == pytest.approx(
        {"equation": 0.8 + 0.2 / 2, "mean": 1.0, "start": 0.8 + 0.4, "walls": 0.8 + 0.4}, rel=1e-13
    )
    assert values(balance.weigh(9, rows(1), POINTS, forbidden)) == first
    for step in range(10, 1000, 10):
        last = balance.weigh(step, rows(0), POINTS, known)
    products = [values(last)[n] * v.item() for n, v in known().items()]
    # The old weights are gone by 0.8^100 = 2e-10.
    assert products == pytest.approx([4.0] * 4, rel=1e-9)


def test_a_condition_without_gradient_gets_a_finite_weight():
    balance = bound(GradientNorm(average=0.0))
    known = norms(equation=1.0, mean=0.0, start=1.0, walls=2.0)
    assert values(balance.weigh(0, rows(0), POINTS, known))["mean"] == pytest.approx(1e5)
    still = bound(GradientNorm(average=0.0))
    known = norms(equation=0.0, mean=0.0, start=0.0, walls=0.0)
    assert set(values(still.weigh(0, rows(0), POINTS, known)).values()) == {1.0}


def test_relative_balance_follows_its_formula():
    alpha, temperature, lookback = 0.9, 0.5, 0.5
    balance = bound(ReLoBRaLo(alpha=alpha, temperature=temperature, lookback=lookback), seed=4)
    names = list(rows(0))
    loss = [
        np.array([0.5 * float(v.square().sum()) / len(v) for v in rows(k).values()])
        for k in range(12)
    ]

    def relative(now, then):
        e = np.exp(now / (temperature * then))
        return len(now) * e / e.sum()

    expected, looks = np.ones(4), set()
    for k in range(12):
        found = values(balance.weigh(k, rows(k), POINTS, forbidden))
        if k > 0:
            rho = float(balance.looks_back(k))
            looks.add(rho)
            past = rho * expected + (1 - rho) * relative(loss[k], loss[0])
            expected = alpha * past + (1 - alpha) * relative(loss[k], loss[k - 1])
        assert [found[n] for n in names] == pytest.approx(expected.tolist(), rel=1e-12)
        assert sum(found.values()) == pytest.approx(4, rel=1e-12)
    assert looks == {0.0, 1.0}  # both branches were taken


def test_random_lookback_is_a_pure_function_with_the_stated_mean():
    one, other = bound(ReLoBRaLo(lookback=0.7), 1), bound(ReLoBRaLo(lookback=0.7), 1)
    looks = [one.looks_back(k) for k in range(2000)]
    assert looks == [other.looks_back(k) for k in range(2000)]
    assert np.mean(looks) == pytest.approx(0.7, abs=0.04)  # four standard errors of 0.01
    assert looks != [bound(ReLoBRaLo(lookback=0.7), 2).looks_back(k) for k in range(2000)]


def test_attention_follows_its_formula():
    balance = bound(ResidualAttention(decay=0.9, rate=0.2, start=1.0))
    multipliers = {"equation": np.ones(40), "start": np.ones(12), "walls": np.ones(12)}
    for k in range(5):
        found = balance.weigh(k, rows(k), POINTS, forbidden)
        for n, old in multipliers.items():
            size = rows(k)[n].reshape(len(old), -1).norm(dim=1).numpy()
            multipliers[n] = 0.9 * old + 0.2 * size / size.max()
            np.testing.assert_allclose(found[n].numpy(), multipliers[n] ** 2, rtol=1e-12)
        assert found["mean"].item() == 1.0  # an integral has no points of its own


def test_attention_stays_below_its_bound():
    balance = bound(ResidualAttention(decay=0.9, rate=0.2, start=0.0))
    r = {n: torch.ones_like(v) for n, v in rows(0).items()}
    for k in range(300):
        found = balance.weigh(k, r, POINTS, forbidden)
    # 0.9^300 = 2e-14 of the start is left.
    torch.testing.assert_close(found["start"], torch.full((12,), (0.2 / 0.1) ** 2))


def test_attention_starts_anew_on_a_new_set():
    balance = bound(ResidualAttention())
    balance.weigh(0, rows(0), POINTS, forbidden)
    expected = bound(ResidualAttention()).weigh(1, rows(1), POINTS, forbidden)
    fresh = dict(POINTS)
    fresh["start"] = REGIONS["start"].sample(12, seed=99)
    found = balance.weigh(1, rows(1), fresh, forbidden)
    assert torch.equal(found["start"], expected["start"])
    assert not torch.equal(found["walls"], expected["walls"])  # these points stayed
    # The same points in another object are the same points.
    moved = {n: p.to(dtype=torch.float64) for n, p in fresh.items()}
    again = bound(ResidualAttention())
    again.load_state_dict(balance.state_dict())
    one, other = (b.weigh(2, rows(2), p, forbidden) for b, p in ((balance, fresh), (again, moved)))
    assert torch.equal(one["start"], other["start"])


def at(t: list[float]) -> Points:
    x = torch.stack((torch.full((len(t),), 0.5), torch.tensor(t)), 1)
    ones = torch.ones(len(t))
    return Points(("x", "t"), x, ones, ones, space=("x",))


def test_causal_weights_by_hand():
    balance = bound(Causal(chunks=4, epsilons=(2.0,)))
    # Chunks of length 1/2 of t in (0, 2): mean squares 4, 1, none, 9 in the order of time.
    points = {"equation": at([1.9, 0.1, 0.6, 0.2]), "walls": at([0.7, 2.0]), "start": at([0.0])}
    r = {
        "equation": torch.tensor([3.0, 0.0, 1.0, math.sqrt(8.0)]),
        "walls": torch.tensor([50.0, 60.0]),
        "start": torch.tensor([70.0]),
    }
    found = balance.weigh(0, r, points, forbidden)
    w = [1.0, math.exp(-2 * 4), math.exp(-2 * 5), math.exp(-2 * 5)]
    assert found["equation"].tolist() == pytest.approx([w[3], w[0], w[1], w[0]], rel=1e-13)
    assert found["walls"].tolist() == pytest.approx([w[1], w[3]], rel=1e-13)
    assert found["start"].item() == 1.0


def test_causal_squares_of_a_system_are_added():
    balance = bound(Causal(chunks=2, epsilons=(1.0,), weights={"equation": 3.0}))
    points = {"equation": at([0.5, 1.5])}
    found = balance.weigh(
        0, {"equation": torch.tensor([[1.0, 2.0], [0.0, 0.0]])}, points, forbidden
    )
    later = 3.0 * math.exp(-3.0 * (1 + 4))  # the factor counts in the exponent and outside
    assert found["equation"].tolist() == pytest.approx([3.0, later], rel=1e-13)


def test_causal_steepness_rises_when_the_last_chunk_is_open():
    balance = bound(Causal(chunks=2, epsilons=(0.1, 1.0), delta=0.9))
    points = {"equation": at([0.5, 1.5])}

    def last(square: float) -> float:
        r = {"equation": torch.tensor([math.sqrt(square), 0.0])}
        return balance.weigh(0, r, points, forbidden)["equation"][1].item()

    assert last(2.0) == pytest.approx(math.exp(-0.2))  # below 0.9: the same steepness again
    assert last(0.5) == pytest.approx(math.exp(-0.05))  # above: the next one
    assert last(0.5) == pytest.approx(math.exp(-0.5))
    assert last(0.0) == 1.0
    assert last(0.5) == pytest.approx(math.exp(-0.5))  # the last one stays


def test_causal_needs_time():
    flat = Box(x=(0, 1), y=(0, 1))
    with pytest.raises(ValueError, match="coordinate t"):
        Causal().bind({"equation": flat.interior})


def test_product_multiplies():
    causal, static = Causal(), GradientNorm(average=0.0)
    product = bound(Product(causal, static))
    assert product.needs == {"residuals", "gradients"}
    known = norms(equation=1.0, mean=2.0, start=4.0, walls=1.0)
    found = product.weigh(0, rows(0), POINTS, known)
    one = bound(Causal()).weigh(0, rows(0), POINTS, known)
    other = bound(GradientNorm(average=0.0)).weigh(0, rows(0), POINTS, known)
    for n, w in found.items():
        torch.testing.assert_close(w, one[n] * other[n])
    fresh = bound(Product(Causal(), GradientNorm(average=0.0)))
    fresh.load_state_dict(product.state_dict())
    again = fresh.weigh(1, rows(0), POINTS, forbidden)
    for n, w in product.weigh(1, rows(0), POINTS, forbidden).items():
        assert torch.equal(again[n], w)


@pytest.mark.parametrize("name", ["relobralo", "residual-attention", "causal"])
def test_two_processes_with_half_the_points_agree_with_one(name):
    # The second process is played by a table of what it would send.
    balance = bound(BALANCES[name]())
    whole = [balance.weigh(k, rows(k), POINTS, forbidden) for k in range(4)]
    half = [slice(0, None, 2), slice(1, None, 2)]
    sent: list[list[Tensor]] = [[], []]
    for replay in (False, True):
        for rank, part in enumerate(half):
            mine = bound(BALANCES[name]())
            points = {n: p.select(part) for n, p in POINTS.items()}
            got = iter(list(zip(*sent, strict=True))) if replay else None

            def reduce(tensor, operation, rank=rank, got=got):
                if got is None:
                    sent[rank].append(tensor)
                    return tensor
                pair = torch.stack(next(got))
                return pair.sum(0) if operation == "sum" else pair.amax(0)

            mine.reduce = reduce
            for k in range(4):
                r = {n: v if n == "mean" else v[part] for n, v in rows(k).items()}
                found = mine.weigh(k, r, points, forbidden)
                if replay and name != "relobralo":
                    for n, w in found.items():
                        expected = whole[k][n]
                        expected = expected[part] if expected.ndim else expected
                        torch.testing.assert_close(w, expected, rtol=1e-12, atol=0)
                elif replay:
                    assert values(found) == pytest.approx(values(whole[k]), rel=1e-12)


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda: Static(weights={"a": -1.0}), r"weights\['a'\]=-1.0"),
        (lambda: Static(weights={"a": math.nan}), "nan"),
        (lambda: bound(Static(weights={"strat": 1.0})), "strat"),
        (lambda: GradientNorm(every=0), "every=0"),
        (lambda: GradientNorm(average=1.0), "average=1.0"),
        (lambda: ReLoBRaLo(temperature=0.0), "temperature=0.0"),
        (lambda: ReLoBRaLo(alpha=2.0), "alpha=2.0"),
        (lambda: ResidualAttention(decay=1.0), "decay=1.0"),
        (lambda: ResidualAttention(rate=0.0), "rate=0.0"),
        (lambda: Causal(chunks=1), "chunks=1"),
        (lambda: Causal(epsilons=(1.0, 0.1)), "increasing"),
        (lambda: Causal(delta=1.0), "delta=1.0"),
        (lambda: Product(), "at least one"),
    ],
)
def test_bad_options_are_refused(build, match):
    with pytest.raises(ValueError, match=match):
        build()
