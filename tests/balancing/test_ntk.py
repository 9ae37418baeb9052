"""Weights by traces of the kernel's blocks, against a J that autograd makes row by row."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Initial, Integral, Problem
from pdenet.balancing import NTK, GradientNorm, Product
from pdenet.geometry import Box, Points
from pdenet.networks import MLP
from pdenet.residuals import Residuals

DOMAIN = Box(x=(0, 1), t=(0, 1))


@pytest.fixture
def residuals() -> Residuals:
    conditions = {
        "equation": Condition(lambda u: (u.t - u.xx, u * u.x), on=DOMAIN.interior),
        "mean": Integral(lambda u: u, on=DOMAIN.interior, equals=0.0),
        "start": Initial(u=1.0, on=DOMAIN.initial),
        "walls": Dirichlet(u=0.0, on=DOMAIN.face(x=(0, 1))),
    }
    problem = Problem(domain=DOMAIN, fields="u", conditions=conditions)
    return Residuals(problem, MLP(2, 1, width=4, depth=2, seed=0))


@pytest.fixture
def points(residuals: Residuals) -> dict[str, Points]:
    sizes = {"equation": 13, "mean": 20, "start": 5, "walls": 4}
    return {n: c.on.sample(sizes[n], seed=2) for n, c in residuals.conditions.items()}


def blocks(residuals: Residuals, points: dict[str, Points]) -> dict[str, Tensor]:
    """J of each condition, without scaling, a reverse pass for each row."""
    found = {}
    trained = list(residuals.parameters())
    for name, p in points.items():
        rows = residuals.rows(name, residuals.batch(name, p)).flatten()
        lines = [torch.autograd.grad(r, trained, retain_graph=True) for r in rows]
        found[name] = torch.stack([torch.cat([g.flatten() for g in line]) for line in lines])
    return found


def traces(residuals: Residuals, points: dict[str, Points]) -> dict[str, float]:
    sizes = {n: 1 if n == "mean" else len(p) for n, p in points.items()}
    found = blocks(residuals, points)
    return {n: float((j @ j.T).trace() / sizes[n]) for n, j in found.items()}


def attached(residuals: Residuals, balance: NTK) -> NTK:
    balance.bind({n: c.on for n, c in residuals.conditions.items()})
    balance.attach(residuals)
    return balance


def forbidden() -> dict[str, Tensor]:
    raise AssertionError("gradient norms are not needed")


def weigh(balance: NTK, residuals: Residuals, points: dict[str, Points], step: int = 0):
    rows = residuals.in_chunks(points)
    return {n: float(w) for n, w in balance.weigh(step, rows, points, forbidden).items()}


def test_weights_are_inverse_to_the_traces_of_a_dense_kernel(
    residuals: Residuals, points: dict[str, Points]
) -> None:
    found = weigh(attached(residuals, NTK()), residuals, points)
    known = traces(residuals, points)
    whole = sum(known.values())
    # The same sums in another order: round-off alone.
    assert found == pytest.approx({n: whole / t for n, t in known.items()}, rel=1e-10)
    # In proportion, the largest trace would weigh most.
    assert max(found, key=found.__getitem__) == min(known, key=known.__getitem__)


def test_rows_are_squared_before_they_are_added(
    residuals: Residuals, points: dict[str, Points]
) -> None:
    # Squares of sums differ: gradients of different rows are far from orthogonal.
    found = blocks(residuals, points)
    right = {n: float(j.square().sum()) for n, j in found.items()}
    wrong = {n: float(j.sum(0).square().sum()) for n, j in found.items()}
    assert wrong["walls"] != pytest.approx(right["walls"], rel=0.2)
    balance = attached(residuals, NTK())
    assert float(balance.trace("walls", points["walls"])) == pytest.approx(
        right["walls"] / len(points["walls"]), rel=1e-10
    )


def test_weights_do_not_read_themselves(residuals: Residuals, points: dict[str, Points]) -> None:
    plain = weigh(attached(residuals, NTK()), residuals, points)
    heavy = attached(residuals, NTK(weights={"walls": 100.0}, average=0.0))
    for step in (0, 100, 200):
        found = weigh(heavy, residuals, points, step)
        assert found["walls"] == pytest.approx(100 * plain["walls"], rel=1e-12)
        assert found["start"] == pytest.approx(plain["start"], rel=1e-12)


def test_moving_average_between_refreshes(residuals: Residuals, points: dict[str, Points]) -> None:
    balance = attached(residuals, NTK(every=10, average=0.75))
    first = weigh(balance, residuals, points)
    with torch.no_grad():
        for p in residuals.parameters():
            p *= 1.5
    assert weigh(balance, residuals, points, 9) == first
    fresh = weigh(attached(residuals, NTK()), residuals, points)
    expected = {n: 0.75 * first[n] + 0.25 * fresh[n] for n in first}
    assert weigh(balance, residuals, points, 10) == pytest.approx(expected, rel=1e-12)


def test_probes_are_a_fair_part_and_integrals_are_whole(
    residuals: Residuals, points: dict[str, Points]
) -> None:
    found = weigh(attached(residuals, NTK(probe=5)), residuals, points)
    # 13 points by steps of 3; the integral's points stay together.
    part = {"equation": points["equation"].select(slice(0, None, 3))}
    known = traces(residuals, {**points, **part})
    whole = sum(known.values())
    assert found == pytest.approx({n: whole / t for n, t in known.items()}, rel=1e-10)


def test_a_condition_that_cannot_be_learned_gets_a_finite_weight(
    residuals: Residuals, points: dict[str, Points]
) -> None:
    with torch.no_grad():
        residuals.model.last.weight.zero_()  # type: ignore[union-attr]
    residuals.model.last.bias.requires_grad_(False)  # type: ignore[union-attr]
    found = weigh(attached(residuals, NTK()), residuals, points)
    assert all(0 < w <= 1e5 * (1 + 1e-12) for w in found.values())
    for p in residuals.model.parameters():
        p.requires_grad_(False)
    residuals.model.last.bias.requires_grad_(True)  # type: ignore[union-attr]
    only_equation = {"equation": points["equation"]}  # its rows do not see the bias of zero u.x
    assert weigh(attached(residuals, NTK()), residuals, only_equation) == {"equation": 1.0}


def test_in_a_product(residuals: Residuals, points: dict[str, Points]) -> None:
    product = Product(NTK(), GradientNorm(average=0.0))
    product.bind({n: c.on for n, c in residuals.conditions.items()})
    product.attach(residuals)
    assert product.needs == {"jacobian", "gradients"}
    norms = {n: torch.tensor(1.0) for n in points}
    found = product.weigh(0, residuals.in_chunks(points), points, lambda: norms)
    alone = weigh(attached(residuals, NTK()), residuals, points)
    assert {n: float(w) for n, w in found.items()} == pytest.approx(alone, rel=1e-12)


@pytest.mark.parametrize("options", [{"average": 1.0}, {"probe": 0}, {"every": 0}])
def test_bad_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        NTK(**options)  # type: ignore[arg-type]


def test_needs_a_network(residuals: Residuals, points: dict[str, Points]) -> None:
    with pytest.raises(RuntimeError, match="attach"):
        weigh(NTK(), residuals, points)
