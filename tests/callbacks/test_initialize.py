"""An initializer plugged into a stock Trainer: the same as built in, and resumed bit for bit."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from pdenet import PINN
from pdenet.callbacks import EffectiveRank, Initialize
from pdenet.networks import MLP, PatchedNetwork
from pdenet.networks.initializers import Glorot, Initializer, PartitionOfUnity, VarianceScaling
from pdenet.problems.poisson_1d import poisson_1d
from pdenet.sampling import UniformSampler

START = PartitionOfUnity(patches=3, R=2.0)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        # Lightning 2.6 calls a part of torch that torch 2.13 deprecates.
        warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
        yield


def module(initializer: Initializer | None = None, network: Any = None) -> PINN:
    return PINN(
        poisson_1d(),
        network or partial(MLP, width=12, depth=1),
        initializer=initializer,
        sampler=UniformSampler(points=16),
        seed=3,
    )


def trained(
    solver: PINN, steps: int, start: Initialize | None = None, ckpt: Path | None = None
) -> pl.Trainer:
    trainer = pl.Trainer(
        max_steps=steps,
        callbacks=[] if start is None else [start],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
    )
    trainer.fit(solver, ckpt_path=ckpt, weights_only=None if ckpt is None else True)
    return trainer


def same(a: PINN, b: PINN) -> bool:
    first, second = a.residuals.state_dict(), b.residuals.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def test_it_equals_an_initializer_that_is_built_in() -> None:
    plugged, built = module(), module(START)
    assert not same(plugged, built)
    trained(plugged, 3, Initialize(START))
    trained(built, 3)
    assert same(plugged, built)
    assert any(isinstance(part, PatchedNetwork) for part in plugged.modules())


def test_optimizers_hold_the_new_parameters() -> None:
    solver = module()
    trainer = trained(solver, 1, Initialize(START))
    held = {id(p) for group in trainer.optimizers[0].param_groups for p in group["params"]}
    assert held == {id(p) for p in solver.parameters()}


@pytest.mark.parametrize("with_callback", [True, False])
def test_resumed_equals_uninterrupted(tmp_path: Path, with_callback: bool) -> None:
    whole, part, resumed = module(), module(), module()
    trained(whole, 8, Initialize(START))
    path = tmp_path / "stopped.ckpt"
    trained(part, 5, Initialize(START)).save_checkpoint(path)
    # The checkpoint says what it was built by: the callback may be missing.
    trained(resumed, 8, Initialize(START) if with_callback else None, path)
    assert same(resumed, whole)
    assert not same(part, whole)


def test_the_checkpoint_brings_the_structure_back_without_a_trainer(tmp_path: Path) -> None:
    solver = module()
    path = tmp_path / "trained.ckpt"
    trained(solver, 2, Initialize(START)).save_checkpoint(path)
    saved = torch.load(path, weights_only=True)  # tensors and plain data
    assert saved["pdenet"]["initializer"] == START.describe()
    fresh = module()
    fresh.on_load_checkpoint(saved)
    fresh.load_state_dict(saved["state_dict"])
    x = torch.rand(5, 1)
    assert torch.equal(fresh(x), solver(x))


def test_a_draw_needs_no_factory() -> None:
    own = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    solver = module(network=own)
    trained(solver, 1, Initialize(VarianceScaling(R=30.0)))
    first = own[0]
    assert isinstance(first, nn.Linear)
    assert first.weight.abs().max() > 10


def test_effective_rank_sees_the_new_start() -> None:
    ranks = []
    for start in (Glorot(), PartitionOfUnity(patches=6, R=4.0)):
        rank = EffectiveRank(every=None, points=32)
        trainer = pl.Trainer(
            max_steps=1,
            callbacks=[Initialize(start), rank],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module(network=partial(MLP, width=48, depth=1)))
        ranks.append(rank.history[0]["effective_rank"])
    assert ranks[1] > 3 * ranks[0]


def test_a_trained_network_is_not_thrown_away() -> None:
    solver = module()
    trained(solver, 2)
    with pytest.raises(ValueError, match="trained for 2 steps"):
        trained(solver, 4, Initialize(START))
    solver = module()
    trained(solver, 2, Initialize(START))
    model = solver.residuals.model
    trained(solver, 2, Initialize(START))  # goes on with what there is
    assert solver.residuals.model is model
    assert solver.progress.step == 4


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give an initializer"):
        Initialize(4)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="solvers such as PINN"):
        Initialize(START).setup(pl.Trainer(logger=False), pl.LightningModule(), "fit")
    with pytest.raises(ValueError, match="Give a factory"):
        module(START, nn.Linear(1, 1).double())
    path = tmp_path / "other.ckpt"
    trained(module(START), 1).save_checkpoint(path)
    with pytest.raises(ValueError, match="resume with the same initializer"):
        trained(module(VarianceScaling(R=2.0)), 2, None, path)
