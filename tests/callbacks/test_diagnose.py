"""Callbacks that say why training is slow: what they see, keep, log, and put into the record."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import CSVLogger

from pdenet import solve
from pdenet.callbacks import (
    EffectiveRank,
    KernelSpectrum,
    LazyOrRich,
    Probe,
    TrainingStages,
    WeightSpectrum,
    diagnose,
    findings,
)
from pdenet.callbacks import training_stages as stages_module
from pdenet.callbacks.probe import Moment
from pdenet.diagnostics import dense_layers, kernel_drift, neuron_amplitudes, wasserstein
from pdenet.networks import MLP
from pdenet.problems.poisson_1d import poisson_1d
from pdenet.record import Record
from pdenet.sampling import StratifiedSampler
from pdenet.solvers import DeepRitz
from pdenet.tangent import Tangent

Train = Callable[..., pl.Trainer]
STOPPED = {"max_steps": 6, "max_seconds": None, "compile": "no"}
SMALL: dict[str, Any] = {
    "solver": "pinn",
    "network": {"name": "mlp", "width": 6, "depth": 2},
    "sampler": {"name": "uniform", "points": 32},
    "optimizer": "adam",
    **STOPPED,
}


def test_all_share_one_probe_and_j_is_made_once_a_look(
    build: Any, train: Train, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls: list[int] = []
    linearize = Tangent.linearize
    monkeypatch.setattr(
        Tangent, "linearize", lambda self, *a: calls.append(1) or linearize(self, *a)
    )
    callbacks = diagnose(every=2, points=16)
    train(build(depth=2), *callbacks, steps=5, logger=CSVLogger(tmp_path))
    assert {type(c) for c in callbacks} == {
        EffectiveRank, KernelSpectrum, TrainingStages, LazyOrRich, WeightSpectrum,
    }  # fmt: skip
    assert all(c.steps == [0, 2, 4, 5] for c in callbacks)
    assert len(calls) == 4
    header = next(tmp_path.rglob("metrics.csv")).read_text().splitlines()[0].split(",")
    assert {
        "effective_rank", "kernel_largest", "participation_ratio", "kernel_drift",
        "linearization_error", "relative_movement", "condensation", "amplitude_change",
        "weight_norm",
    } <= set(header)  # fmt: skip


def test_watching_changes_nothing(build: Any, train: Train) -> None:
    watched = train(build(), *diagnose(every=1, points=8), steps=4).lightning_module
    alone = train(build(), steps=4).lightning_module
    for (name, one), other in zip(watched.named_parameters(), alone.parameters(), strict=True):
        assert torch.equal(one, other), name


def test_a_resumed_training_sees_what_an_unbroken_one_sees(
    build: Any, train: Train, tmp_path: Path
) -> None:
    whole = diagnose(every=2, points=16)
    train(build(), *whole, steps=6)
    first, second = diagnose(every=2, points=16), diagnose(every=2, points=16)
    train(build(), *first, steps=4).save_checkpoint(tmp_path / "a.ckpt")
    train(build(), *second, steps=6, ckpt_path=tmp_path / "a.ckpt", weights_only=True)
    for one, other in zip(whole, second, strict=True):
        assert other.history == one.history, one.topic
        assert other.summary() == one.summary(), one.topic


def test_spectra_of_the_whole_and_of_conditions(build: Any, train: Train) -> None:
    callback = KernelSpectrum(every=None, probe=Probe(20, 4))
    train(build(hard=False), callback, steps=1)
    spectra = callback.history[0]["spectra"]
    assert len(spectra) == 3  # an equation, the ends, and both together
    whole = spectra.pop("all conditions")
    assert whole["value"] == sorted(whole["value"], reverse=True)
    # Blocks of a kernel: their traces add up to its own; no eigenvalue exceeds its largest.
    parts = sum(sum(part["value"]) for part in spectra.values())
    assert parts == pytest.approx(sum(whole["value"]), rel=1e-9)
    assert all(part["value"][0] <= whole["value"][0] for part in spectra.values())
    assert callback.history[0]["kernel_largest"] == whole["value"][0]


def test_drift_movement_and_linearization_by_hand(build: Any, train: Train) -> None:
    solver = build()
    callback = LazyOrRich(every=None, probe=Probe(16, 4))
    tangent = Tangent(solver.residuals, callback.probe._draw(solver.residuals, 16))
    start = torch.nn.utils.parameters_to_vector(solver.residuals.parameters()).detach().clone()
    K, z, J = tangent.gram(), tangent.values(), tangent.dense()
    train(solver, callback, steps=20)
    end = torch.nn.utils.parameters_to_vector(solver.residuals.parameters()).detach()
    entry = callback.history[-1]
    change = tangent.values() - z
    missed = (change - J @ (end - start)).norm() / change.norm()
    assert entry["linearization_error"] == pytest.approx(float(missed), rel=1e-6)
    assert entry["kernel_drift"] == pytest.approx(float(kernel_drift(tangent.gram(), K)), rel=1e-6)
    moved = (end - start).norm() / start.norm()
    assert entry["relative_movement"] == pytest.approx(float(moved))
    assert callback.label == "lazy"
    assert callback.history[0]["kernel_drift"] == pytest.approx(0, abs=1e-12)


def test_amplitudes_and_their_distance(build: Any, train: Train) -> None:
    solver = build()
    before = neuron_amplitudes(*dense_layers(solver.residuals.model))
    callback = TrainingStages(every=None)
    train(solver, callback, steps=5)
    after = neuron_amplitudes(*dense_layers(solver.residuals.model))
    expected = float(wasserstein(after, before) / after.mean())
    assert callback.history[-1]["amplitude_distance"] == pytest.approx(expected)
    (layer,) = callback.history[-1]["layers"].values()
    assert layer["quantiles"][0] == pytest.approx(float(after.min()))
    assert layer["quantiles"][2] == pytest.approx(float(after.sort().values[2:4].mean()))
    assert callback.loss_steps == [1, 2, 3, 4, 5]
    assert callback.losses[-1] == solver.loss


def test_losses_are_thinned(build: Any, train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages_module, "LOSSES", 8)
    callback = TrainingStages(every=None)
    train(build(), callback, steps=30)
    assert callback.loss_steps[0] == 1
    assert 5 <= len(callback.losses) <= 8
    assert callback.loss_steps[-1] > 20


def test_stages_of_a_loss_that_is_made(build: Any) -> None:
    callback = TrainingStages()
    callback.loss_steps = list(range(1, 2001))
    callback.losses = [1.0 if t < 500 else max(0.01, math.exp((500 - t) / 50)) for t in range(2000)]
    names = [stage.name for stage in callback.stages]
    assert names == ["initial plateau", "descent", "plateau"]
    found = findings([callback], reached=True)
    assert found["plateau"] == "converged"
    assert findings([callback], reached=False)["plateau"] is None


def test_weights(build: Any, train: Train) -> None:
    solver = build(depth=2)
    callback = WeightSpectrum(every=None)
    train(solver, callback, steps=1)
    layers = callback.history[-1]["layers"]
    assert [len(values) for values in layers.values()] == [1, 6, 1]
    hidden = dense_layers(solver.residuals.model)[1].weight
    norm = math.hypot(*list(layers.values())[1])
    assert norm == pytest.approx(float(hidden.norm()))


def test_too_many_rows_are_too_many_for_comparing_kernels(build: Any, train: Train) -> None:
    callback = LazyOrRich(probe=Probe(1500))
    train(build(), callback, steps=1)
    assert "rows at the probe points are too many" in callback.skipped
    assert callback.summary() is None
    assert findings([callback], reached=False) == {"skipped": {"regime": callback.skipped}}


def test_a_moment_is_remembered_until_parameters_change(build: Any) -> None:
    solver, probe = build(), Probe(8)
    probe.bind(solver)
    first = probe.now
    assert isinstance(first, Moment)
    assert probe.now is first
    with torch.no_grad():
        next(solver.parameters()).add_(1e-6)
    assert probe.now is not first
    probe.release()


def test_the_record_has_what_was_asked_for(tmp_path: Path) -> None:
    solution = solve("poisson-1d", diagnose="rank, stages", out=tmp_path / "run", **SMALL)
    found = solution.record.diagnostics
    assert found is not None
    assert set(found) - {"plateau"} == {"effective_rank", "stages"}
    read = Record.load(tmp_path / "run" / "record.json")
    assert read.diagnostics == found
    assert "diagnose: rank, stages" in (tmp_path / "run" / "config.yaml").read_text()


def test_the_users_own_callback_takes_the_place_of_the_default_one() -> None:
    mine = EffectiveRank(every=2, points=16)
    record = solve("poisson-1d", callbacks=[mine], diagnose="yes", **SMALL).record
    assert record.diagnostics is not None
    assert record.diagnostics["effective_rank"]["history"] == mine.history
    assert len(mine.history) >= 2
    assert "regime" in record.diagnostics


def test_an_energy_has_a_rank_but_no_residual(train: Train) -> None:
    solver = DeepRitz(
        poisson_1d(),
        partial(MLP, width=6, depth=1),
        sampler=StratifiedSampler(points=64),
    )
    callbacks = diagnose(every=2, points=16)
    train(solver, *callbacks, steps=2)
    assert not any(c.skipped or c.trouble for c in callbacks)
    assert set(callbacks[0].history[-1]) == {"step", "effective_rank"}


def test_a_diagnosis_that_fails_ends_no_training(
    build: Any, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise KeyError("trouble")

    monkeypatch.setattr(Probe, "bind", fail)
    rank, weights = diagnose("rank", "weights", every=1)
    trainer = train(build(), rank, weights, steps=2)
    assert trainer.global_step == 2
    assert "trouble" in rank.skipped
    assert weights.steps == [0, 1, 2]  # it needs no probe


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match="there are rank, spectrum"):
        diagnose("ranks")
    with pytest.raises(ValueError, match="twice"):
        diagnose("rank", "rank")
    with pytest.raises(ValueError, match="--diagnose ranks"):
        solve("poisson-1d", diagnose="ranks", **SMALL)
