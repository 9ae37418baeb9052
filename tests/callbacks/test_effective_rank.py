"""Effective rank at fixed points, logged, kept in checkpoints, and put into the record."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import CSVLogger

from pdenet import PINN, solve
from pdenet.callbacks import EffectiveRank, Probe
from pdenet.callbacks import probe as module
from pdenet.diagnostics import CONVENTION, effective_rank, least_squares_floor, spectrum
from pdenet.problems.lid_driven_cavity import lid_driven_cavity
from pdenet.tangent import Tangent

Train = Callable[..., pl.Trainer]


def test_logs_and_keeps_a_curve(tmp_path: Path, build: Any, train: Train) -> None:
    rank = EffectiveRank(every=2, points=32)
    train(build(), rank, steps=5, logger=CSVLogger(tmp_path))
    assert rank.steps == [0, 2, 4, 5]
    # 32 points and 19 parameters.
    assert all(1 < value < 19 for value in rank.values)
    text = next(tmp_path.rglob("metrics.csv")).read_text()
    assert f"{rank.values[1]:.6f}"[:6] in text
    assert {"effective_rank", "residual_rate", "least_squares_floor"} <= set(
        text.splitlines()[0].split(",")
    )
    assert rank.record == {
        "initial": rank.values[0],
        "final": rank.values[-1],
        "convention": CONVENTION,
    }


def test_numbers_are_those_of_the_tangent(build: Any, train: Train) -> None:
    solver = build()
    rank = EffectiveRank(every=None, points=32)
    train(solver, rank, steps=2)
    probe = Probe(32)
    probe.bind(solver)
    tangent = Tangent(solver.residuals, probe._draw(solver.residuals, 32))
    K, z, J = tangent.gram(), tangent.values(), tangent.dense()
    entry = rank.history[-1]
    assert entry["effective_rank"] == pytest.approx(float(effective_rank(K)), rel=1e-9)
    rate = (z @ K @ z) / (spectrum(K)[0] * z.square().sum())
    assert entry["residual_rate"] == pytest.approx(float(rate), rel=1e-9)
    last = J[:, -7:]  # six weights and a bias
    floor = float(least_squares_floor(last, z))
    assert entry["least_squares_floor"] == pytest.approx(floor, rel=1e-6)


def test_large_kernels_are_followed_with_bounds(
    build: Any, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    dense = EffectiveRank(every=3, points=64)
    train(build(width=12), dense, steps=7)
    monkeypatch.setattr(module, "DENSE", 8)
    followed = EffectiveRank(every=3, points=64)
    train(build(width=12), followed, steps=7)
    assert followed.steps == dense.steps
    for one, exact in zip(followed.history, dense.values, strict=True):
        lower, upper = one["effective_rank_lower"], one["effective_rank_upper"]
        assert lower * (1 - 1e-9) <= exact <= upper * (1 + 1e-9)
        assert lower <= one["effective_rank"] <= upper
        assert upper / lower < 1.6


def test_watching_changes_nothing(build: Any, train: Train) -> None:
    ends = []
    for every in (1, None):
        trained = train(build(), EffectiveRank(every=every, points=8), steps=3).lightning_module
        ends.append(dict(trained.named_parameters()))
    for name, value in ends[0].items():
        assert torch.equal(value, ends[1][name]), name


def test_a_checkpoint_goes_on_with_the_curve(tmp_path: Path, build: Any, train: Train) -> None:
    path = tmp_path / "a.ckpt"
    first = EffectiveRank(every=2, points=8)
    train(build(), first, steps=3).save_checkpoint(path)
    later = EffectiveRank(every=2, points=8)
    train(build(), later, steps=6, ckpt_path=path, weights_only=True)
    assert later.steps == [0, 2, 3, 4, 6]
    assert later.values[:3] == first.values


def test_looks_become_rarer_in_long_trainings(
    build: Any, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pdenet.callbacks.diagnosis.MOST", 6)
    rank = EffectiveRank(every=1, points=4)
    train(build(), rank, steps=20)
    assert rank.steps[0] == 0
    assert rank.steps[-1] == 20
    assert len(rank.steps) <= 7
    assert rank.steps == sorted(rank.steps)


def test_too_large_is_skipped(build: Any, train: Train) -> None:
    rank = EffectiveRank(probe=Probe(8, max_entries=10))
    train(build(), rank, steps=1)
    assert rank.record is None
    assert "entries" in rank.skipped
    assert "fewer points" in rank.skipped
    with pytest.raises(ValueError, match="entries"):
        Probe(8, max_entries=10).bind(build())


def test_a_broken_network_has_no_rank(build: Any, train: Train) -> None:
    solver = build()
    with torch.no_grad():
        for p in solver.parameters():
            p.fill_(torch.nan)
    rank = EffectiveRank(points=8)
    with pytest.raises(ArithmeticError):
        train(solver, rank, steps=1)
    assert rank.record is None


def test_points_are_fewer_where_there_are_many_rows() -> None:
    solver = PINN(lid_driven_cavity())
    for points, most in ((None, 520), (300, 10_000)):
        probe = Probe(points)
        probe.bind(solver)
        rows = probe.describe()["rows"]
        assert rows <= most
        assert (points is None) == (rows < 3 * 256)


def test_the_record_has_it() -> None:
    record = solve("poisson-1d", "pinn", max_steps=3).record
    found = record.effective_rank
    assert found is not None
    assert found["convention"] == CONVENTION
    assert 1 < found["initial"] < 300
    assert found["final"] != found["initial"]
    assert record.diagnostics is not None
    history = record.diagnostics["effective_rank"]["history"]
    assert [entry["step"] for entry in history] == [0, 3]
    assert 0 < history[0]["least_squares_floor"] <= 1


def test_bad_numbers() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        EffectiveRank(points=0)
    with pytest.raises(ValueError, match="at least 1"):
        EffectiveRank(every=0)
    with pytest.raises(ValueError, match="not both"):
        EffectiveRank(points=8, probe=Probe(8))
    with pytest.raises(ValueError, match=r"bind\(solver\)"):
        _ = Probe().now
