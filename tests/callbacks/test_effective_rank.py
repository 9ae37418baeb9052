"""Effective rank at fixed points, logged, kept in checkpoints, and put into the record."""

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import CSVLogger

from pdenet import Problem, solve
from pdenet.callbacks import EffectiveRank
from pdenet.callbacks import effective_rank as module
from pdenet.diagnostics import CONVENTION
from pdenet.networks import MLP
from pdenet.problems.poisson_1d import poisson_1d
from pdenet.run.fit import quiet
from pdenet.sampling import UniformSampler
from pdenet.solvers import PINN


def solver(problem: Problem | None = None, width: int = 6) -> PINN:
    return PINN(
        problem or poisson_1d(),
        lambda i, o: MLP(i, o, width=width, depth=1),
        sampler=UniformSampler(points=20, boundary_points=4),
    )


def train(callback: EffectiveRank, steps: int, logger: Any = False, **more: Any) -> pl.Trainer:
    with quiet():
        trainer = pl.Trainer(
            accelerator="cpu",
            max_steps=steps,
            callbacks=[callback],
            logger=logger,
            log_every_n_steps=1,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(solver(), **more)
    return trainer


def test_logs_and_keeps_a_curve(tmp_path: Path) -> None:
    rank = EffectiveRank(every=2, points=32)
    train(rank, 5, CSVLogger(tmp_path))
    assert rank.steps == [0, 2, 4, 5]
    # 32 points and 19 parameters.
    assert all(1 < value < 19 for value in rank.values)
    text = next(tmp_path.rglob("metrics.csv")).read_text()
    assert f"{rank.values[1]:.6f}"[:6] in text
    assert rank.summary() == {
        "initial": rank.values[0],
        "final": rank.values[-1],
        "convention": CONVENTION,
    }


def test_watching_changes_nothing() -> None:
    ends = []
    for every in (1, None):
        trained = train(EffectiveRank(every=every, points=8), 3).lightning_module
        ends.append(dict(trained.named_parameters()))
    for name, value in ends[0].items():
        assert torch.equal(value, ends[1][name]), name


def test_a_checkpoint_goes_on_with_the_curve(tmp_path: Path) -> None:
    first = EffectiveRank(every=2, points=8)
    path = tmp_path / "a.ckpt"
    train(first, 3).save_checkpoint(path)
    later = EffectiveRank(every=2, points=8)
    train(later, 6, ckpt_path=path, weights_only=True)
    assert later.steps == [0, 2, 3, 4, 6]
    assert later.values[:3] == first.values


def test_too_large_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", {True: 10, False: 10})
    rank = EffectiveRank(points=8)
    train(rank, 1)
    assert rank.summary() is None
    assert "entries" in rank.skipped


def test_the_record_has_it() -> None:
    record = solve("poisson-1d", max_steps=3).record
    found = record.effective_rank
    assert found is not None
    assert found["convention"] == CONVENTION
    assert 1 < found["initial"] < 300
    assert found["final"] != found["initial"]


def test_bad_numbers() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        EffectiveRank(points=0)
    with pytest.raises(ValueError, match="at least 1"):
        EffectiveRank(every=0)
