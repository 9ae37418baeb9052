"""Auto for initializers: what it tries, that it repeats itself, and that a run keeps its choice."""

from __future__ import annotations

import copy
import io
import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

import pdenet
from pdenet import PINN, Condition, Dirichlet, Problem
from pdenet.balancing import ReLoBRaLo, Static
from pdenet.callbacks import Initialize
from pdenet.geometry import Box
from pdenet.jets import biharmonic
from pdenet.networks import MLP, SIREN
from pdenet.networks.initializers import (
    Glorot,
    Initializer,
    PartitionOfUnity,
    VarianceScaling,
    rebuilt,
)
from pdenet.problems.burgers import burgers
from pdenet.problems.poisson_1d import poisson_1d
from pdenet.report.starts import initializer_table
from pdenet.sampling import ResidualAdaptiveSampler
from pdenet.selection.starts import FINALISTS, candidates_for, try_initializers

FEW: list[Initializer] = [Glorot(), VarianceScaling(R=8.0)]


def solver(problem: Problem | None = None, network: Any = None, **options: Any) -> PINN:
    network = network or partial(MLP, width=24, depth=1)
    return PINN(problem or poisson_1d(frequency=4), network, **options)


def test_the_choice_is_a_function_of_problem_network_and_seed() -> None:
    first, again = (try_initializers(solver(seed=2), FEW) for _ in range(2))
    assert [t.predicted for t in first.trials] == [t.predicted for t in again.trials]
    other = try_initializers(solver(seed=3), FEW)
    assert [t.predicted for t in first.trials] != [t.predicted for t in other.trials]


def test_waves_ask_for_a_wide_range() -> None:
    # Glorot's kernel sees one or two modes, neither of them sin(4 pi x).
    choice = try_initializers(solver(), FEW)
    assert choice.best.initializer == FEW[1]
    glorot, wide = choice.trials
    assert glorot.predicted > 0.9 > 0.5 > wide.predicted
    assert wide.effective_rank > 3 * glorot.effective_rank
    assert wide.floor < 1e-2 < glorot.floor
    assert "variance-scaling R=8" in choice.reason
    assert "glorot" in choice.reason


def test_what_is_tried_is_what_is_trained() -> None:
    tried, built = solver(seed=5), solver(seed=5, initializer=FEW[1])
    try_initializers(tried, FEW[1:])
    tried.restart(FEW[1])
    found, expected = tried.residuals.state_dict(), built.residuals.state_dict()
    assert all(torch.equal(found[k], expected[k]) for k in expected)


def test_the_most_promising_race_against_the_usual_start() -> None:
    ranges = [VarianceScaling(R=r) for r in (0.01, 0.02, 0.05, 2.0, 4.0, 8.0)]
    choice = try_initializers(solver(), [Glorot(), *ranges])
    raced = {t.label for t in choice.trials if not math.isnan(t.raced)}
    promising = sorted(choice.trials[1:], key=lambda t: t.predicted)[:FINALISTS]
    assert raced == {"glorot", *(t.label for t in promising)}
    assert choice.best.raced == min(t.raced for t in choice.trials if t.label in raced)
    # Glorot's kernel hardly sees sin(4 pi x), so that the winner is far ahead by now.
    assert choice.best.raced < 0.6 * choice.trials[0].raced


def test_what_the_user_gave_does_not_see_the_race() -> None:
    balance, sampler = ReLoBRaLo(), ResidualAdaptiveSampler(points=30, every=5)
    given = solver(balance=balance, sampler=sampler)
    before = copy.deepcopy((balance.state_dict(), sampler.state_dict()))
    try_initializers(given, FEW)
    assert (balance.state_dict(), sampler.state_dict()) == before


def test_patches_are_of_equal_cost_and_smooth_enough() -> None:
    deep = solver(burgers(), partial(MLP, width=24, depth=3))
    found = candidates_for(deep)
    assert found[0] == Glorot()
    sizes = []
    for initializer in found:
        deep.restart(initializer)
        sizes.append(sum(p.numel() for p in deep.parameters()))
    assert max(sizes) < 1.3 * min(sizes)
    box = Box(x=(0, 1), y=(0, 1))
    plate = Problem(
        domain=box,
        fields="u",
        conditions={
            "plate": Condition(lambda u: biharmonic(u) - 1, on=box.interior),
            "edge": Dirichlet(u=0, on=box.boundary),
        },
    )
    windows = [c.window for c in candidates_for(solver(plate)) if isinstance(c, PartitionOfUnity)]
    assert set(windows) == {"infinitely-smooth"}


def test_what_does_not_suit_the_network_is_left_out() -> None:
    sines = solver(network=partial(SIREN, width=12, depth=1))
    candidates = [Glorot(), VarianceScaling(R=2.0), PartitionOfUnity(patches=3)]
    choice = try_initializers(sines, candidates)
    assert [t.initializer for t in choice.trials] == [candidates[0], candidates[2]]
    with pytest.raises(ValueError, match="No initializer could be tried"):
        try_initializers(sines, candidates[1:2])


def test_weights_of_a_balance_count() -> None:
    plain = try_initializers(solver(hard=False), FEW).trials[0]
    heavy = Static(weights={"ends": 1e4})
    weighted = try_initializers(solver(hard=False, balance=heavy), FEW).trials[0]
    assert plain.predicted != weighted.predicted


def test_the_table_shows_every_trial_and_the_choice() -> None:
    choice = try_initializers(solver(), FEW)
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(initializer_table(choice))
    text = console.export_text()
    assert "glorot" in text
    assert "variance-scaling R=8 (chosen)" in text
    assert f"{choice.best.effective_rank:.1f}" in text


def test_a_run_keeps_its_choice_and_tries_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def counted(*args: Any) -> Any:
        calls.append(args)
        return try_initializers(*args, FEW)

    monkeypatch.setattr("pdenet.run.setup.try_initializers", counted)
    out = tmp_path / "run"
    solution = pdenet.solve(
        "poisson-1d", parameters={"frequency": 4}, initializer="auto", max_steps=3, out=out,
        network={"name": "mlp", "width": 24, "depth": 1},
    )  # fmt: skip
    described = solution.record.initializer
    assert rebuilt(described) == FEW[1]
    assert any("initializer: variance-scaling R=8" in line for line in solution.record.chosen)
    again = pdenet.load(out)
    assert torch.equal(again(x=0.3)["u"], solution(x=0.3)["u"])
    longer = pdenet.resume(out, max_steps=5)
    assert longer.record.initializer == described
    assert len(calls) == 1
    assert math.isfinite(solution.record.seconds["setup"])


@pytest.mark.parametrize("as_callback", [True, False])
def test_a_given_start_is_the_one_that_is_used(tmp_path: Path, as_callback: bool) -> None:
    start = PartitionOfUnity(patches=2, width=5)
    given: dict[str, Any] = {"initializer": start}
    if as_callback:
        given = {"callbacks": [Initialize(start)]}
    solution = pdenet.solve("poisson-1d", "pinn", max_steps=2, out=tmp_path / "run", **given)
    assert solution.record.initializer == start.describe()
    assert torch.equal(pdenet.load(tmp_path / "run")(x=0.3)["u"], solution(x=0.3)["u"])
    assert pdenet.resume(tmp_path / "run", max_steps=3).record.initializer == start.describe()


def test_a_start_is_given_once() -> None:
    with pytest.raises(ValueError, match="give it once"):
        pdenet.solve("poisson-1d", initializer="he", callbacks=[Initialize(Glorot())])
