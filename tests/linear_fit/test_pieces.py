"""Rows of patches taken apart against the same rows made whole."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch

from pdenet import Condition, Dirichlet, Initial, Periodic, Problem, Unknown
from pdenet.geometry import Box
from pdenet.linear_fit import (
    LastLayerFit,
    ScaledRows,
    Sources,
    coefficients,
    continuity,
    fit_last_layer,
    newton,
    piece_rows,
    pieces,
    take_over,
)
from pdenet.linear_fit.newton import QUICK
from pdenet.linear_fit.projection import Values
from pdenet.linear_fit.solve import solve_rows
from pdenet.linear_fit.sources import flattened, set_flat
from pdenet.networks import PatchedFactory, RandomFeatures, build_network, find_window
from pdenet.residuals import Residuals

BOX = Box(x=(0, 2), t=(0, 1))
NU = 0.02


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few points make pieces of one patch, as many points do."""
    monkeypatch.setattr(pieces, "ENOUGH", 1)


def system(unknown: bool = False) -> Problem:
    """Two coupled equations on a ring."""

    def first(u: Any, v: Any) -> Any:
        return u.t + v.x - 0.1 * u.xx + u * v

    def second(u: Any, v: Any) -> Any:
        return v.t + u.x

    def first_unknown(u: Any, v: Any, c: Any) -> Any:
        return u.t + c * v.x - 0.1 * u.xx + u * v

    return Problem(
        domain=BOX,
        fields=("u", "v"),
        unknowns={"c": Unknown(1.0)} if unknown else {},
        conditions={
            "first": Condition(first_unknown if unknown else first, on=BOX.interior),
            "second": Condition(second, on=BOX.interior),
            "start": Initial(u=lambda x: torch.sin(3.0 * x), v=0.0, on=BOX.initial, hard=False),
            "ring": Periodic("u", "v", on=BOX.face(x=0), to=BOX.face(x=2)),
        },
    )


def patched(
    problem: Problem, patches: tuple[int, ...], window: str, separate: bool = False
) -> tuple[Residuals, dict[str, Any], Sources]:
    count = 6
    for m in patches:
        count *= m
    network = build_network(
        PatchedFactory(
            partial(RandomFeatures, width=count, scale=2.0), patches, find_window(window)
        ),
        coordinates=problem.coordinates,
        fields=problem.shapes,
        bounds=problem.domain.bounds,
        separate=separate,
        seed=0,
    )
    residuals = Residuals(problem, network)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(4)
        for p in coefficients(residuals):
            p.copy_(torch.randn(p.shape, generator=generator, dtype=torch.float64))
    drawn = {
        name: c.on.sample(150 if c.on.dimension == 2 else 40, seed=1)
        for name, c in problem.conditions.items()
    }
    return residuals, drawn, continuity(problem, network, 4)


CASES = {
    "chain, jumps": ((9, 1), "hard", False, False),
    "chain, overlaps": ((9, 1), "smooth", False, False),
    "plane, jumps": ((3, 4), "hard", False, False),
    "plane, overlaps": ((4, 3), "smooth", False, False),
    "networks of their own": ((8, 1), "hard", True, False),
    "an unknown constant": ((9, 1), "hard", False, True),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_rows_are_the_same_apart_and_whole(
    case: str, weighted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches, window, separate, unknown = CASES[case]
    residuals, drawn, joints = patched(system(unknown), patches, window, separate)

    def made() -> tuple[torch.Tensor, torch.Tensor, ScaledRows]:
        parameters = coefficients(residuals)
        sources = [(residuals, drawn), *joints]
        rows = ScaledRows(sources, parameters, {"start": 3.0}, scaled=False, weighted=weighted)
        blocks = list(rows.blocks())
        a = torch.cat([block.in_all(rows.columns) for block in blocks])
        b = torch.cat([block.b for block in blocks])
        assert float(b.norm()) == pytest.approx(rows.norm(), rel=1e-12)
        order = b.argsort()  # rows come in another order
        return a[order], b[order], rows

    a, b, apart = made()
    assert apart.block_columns is not None
    found = solve_rows(apart).solution
    monkeypatch.setattr(pieces, "FEWEST", 1000)
    whole_a, whole_b, whole = made()
    assert whole.block_columns is None
    torch.testing.assert_close(b, whole_b, atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(a, whole_a, atol=1e-11, rtol=1e-11)
    expected = solve_rows(whole).solution
    # The dense solver leaves out columns that lower the residual by less than a hundredth.
    assert found.residual <= expected.residual * (1 + 1e-9)
    step = found.x - flattened(whole.parameters)
    assert float((whole_a @ step + whole_b).norm()) == pytest.approx(found.residual, rel=1e-9)


def redrawn(residuals: Residuals, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in coefficients(residuals):
            p.copy_(torch.randn(p.shape, generator=generator, dtype=torch.float64))


@pytest.mark.parametrize("case", CASES)
def test_rows_that_are_kept_are_those_that_would_be_made(case: str) -> None:
    patches, window, separate, unknown = CASES[case]
    residuals, drawn, joints = patched(system(unknown), patches, window, separate)
    sources = [(residuals, drawn), *joints]

    def rows() -> ScaledRows:
        return ScaledRows(sources, coefficients(residuals), scaled=False)

    def made(of: ScaledRows) -> tuple[torch.Tensor, torch.Tensor]:
        blocks = list(of.blocks())
        return torch.cat([k.in_all(of.columns) for k in blocks]), torch.cat([k.b for k in blocks])

    old = rows()
    made(old)
    assert any(one.keeps for one in old._made)
    assert not all(one.keeps for one in old._made)
    redrawn(residuals, 9)
    for found, wanted in zip(made(old), made(rows()), strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-11, rtol=1e-11)
    # The means of the problem's own rows, as its residuals tell them.
    means = {n: float(r.square().sum() / len(r)) for n, r in residuals.in_chunks(drawn).items()}
    assert old.mean_squares() == pytest.approx(means, rel=1e-11)


def test_what_memory_does_not_allow_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    residuals, drawn, joints = patched(system(), (9, 1), "hard")
    monkeypatch.setattr(piece_rows, "KEPT_BYTES", 50_000)
    rows = ScaledRows([(residuals, drawn), *joints], coefficients(residuals))
    list(rows.blocks())
    kept = [one.bytes for one in rows._made if one.keeps]
    assert 0 < sum(kept) <= 50_000
    assert len(kept) < sum(one.piece.fixed for one in rows._made)


def test_sums_and_few_patches_are_not_taken_apart() -> None:
    residuals, drawn, joints = patched(system(), (7, 1), "hard")
    rows = ScaledRows([(residuals, drawn), *joints], coefficients(residuals))
    assert rows.block_columns is None


def front(x: Any, t: Any, nu: float = NU) -> Any:
    return 0.5 - 0.5 * torch.tanh((x - t / 2) / (4 * nu))


def travelling(nu: float = NU, features: int = 40) -> tuple[Residuals, dict[str, Any], Sources]:
    """u_t + u u_x = nu u_xx with the travelling front 1/2 - tanh((x - t/2) / (4 nu)) / 2."""
    domain = Box(x=(-1, 1), t=(0, 0.1))

    def momentum(u: Any) -> Any:
        return u.t + u * u.x - nu * u.xx

    problem = Problem(
        domain=domain,
        fields="u",
        conditions={
            "momentum": Condition(momentum, on=domain.interior),
            "start": Initial(u=lambda x: front(x, 0.0, nu), on=domain.initial, hard=False),
            "ends": Dirichlet(u=lambda x, t: front(x, t, nu), on=domain.boundary, hard=False),
        },
    )
    network = build_network(
        PatchedFactory(
            partial(RandomFeatures, width=12 * features, scale=[2.5, 1.5]),
            (12, 1),
            find_window("hard"),
        ),
        coordinates=problem.coordinates,
        fields=problem.shapes,
        bounds=domain.bounds,
        seed=0,
    )
    residuals = Residuals(problem, network)
    drawn = {
        n: c.on.sample(1400 if c.on.dimension == 2 else 200, seed=2, method="sobol")
        for n, c in problem.conditions.items()
    }
    return residuals, drawn, continuity(problem, network, 15)


def test_many_patches_fit_a_front_in_newton_steps() -> None:
    residuals, drawn, joints = travelling()
    network = residuals.model
    # A first fit takes over the values of a function, patch by patch.
    take_over(network, lambda x: 0 * x[:, :1] + 0.5, drawn["momentum"])
    x = residuals.problem.domain.sample(300, seed=5).x
    with torch.no_grad():
        assert float((network(x) - 0.5).abs().max()) < 1e-3
    reports = fit_last_layer(residuals, drawn, most=8, more=joints)
    assert reports[-1].rows > 2000
    wanted = front(x[:, 0], x[:, 1])
    with torch.no_grad():
        error = (network(x)[:, 0] - wanted).norm() / wanted.norm()
    # Patches twice as wide as the front, 40 features each: 4e-5 as measured, times a margin.
    assert float(error) < 2e-4


def test_steps_by_one_linear_model_end_where_newton_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def fitted(quick: float) -> tuple[float, torch.Tensor, int]:
        monkeypatch.setattr(newton, "QUICK", quick)
        residuals, drawn, joints = travelling()
        parameters = coefficients(residuals)
        set_flat(parameters, torch.zeros_like(flattened(parameters)))
        reports = fit_last_layer(residuals, drawn, more=joints)
        with torch.no_grad():
            return reports[-1].after, residuals.model(drawn["momentum"].x), len(reports)

    norm, values, steps = fitted(QUICK)
    newton_norm, newton_values, newton_steps = fitted(0.0)
    assert steps < newton_steps
    assert norm == pytest.approx(newton_norm, rel=newton.CLOSE)
    # Both are 4e-5 from the solution, by what the features leave out.
    torch.testing.assert_close(values, newton_values, atol=1e-6, rtol=0)


def test_steps_by_one_linear_model_that_creep_are_not_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Made at the start, it promises a tenth less with each step; its last is 2e-9 of the residual.
    monkeypatch.setattr(newton, "QUICK", 0.4)
    residuals, drawn, joints = travelling(0.1, features=120)
    parameters = coefficients(residuals)
    set_flat(parameters, torch.zeros_like(flattened(parameters)))
    reports = fit_last_layer(residuals, drawn, more=joints)
    # One more full step lowers that to 4e-11; Newton's steps, all of them full, end at 3e-14.
    assert reports[-1].after < 2e-10 * reports[0].before


def test_memory_bound_is_that_of_rows_where_they_are_apart() -> None:
    residuals, drawn, joints = patched(system(), (9, 1), "hard")
    fit = LastLayerFit(residuals, drawn, more=joints, max_bytes=20_000)
    with pytest.raises(ValueError, match="more than max_bytes"):
        fit.step()


def test_values_of_another_network_of_patches_are_taken_over_apart() -> None:
    problem = system()
    old, _, _ = patched(problem, (9, 1), "hard")
    new, drawn, _ = patched(problem, (18, 1), "hard")
    source = Values(new.model, old.model, drawn["first"])
    rows = ScaledRows([(source, {"values": drawn["first"]})], coefficients(new), scaled=False)
    assert rows.block_columns is not None


@pytest.mark.parametrize("patches", [(2, 5), (5, 2)])
def test_what_is_left_is_told_of_the_right_patch(patches: tuple[int, int]) -> None:
    residuals, drawn, joints = patched(system(), patches, "hard")
    parameters = coefficients(residuals)
    rows = ScaledRows([(residuals, drawn), *joints], parameters)
    for patch in range(10):
        with torch.no_grad():
            for p in parameters:  # shape (patches * outputs, width)
                p.zero_()
                p.view(10, -1)[patch] = 1e3
        rows.make_scales()
        left = rows.left_in_patches()
        assert left is not None
        assert int(left.argmax()) == patch
