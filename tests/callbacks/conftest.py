"""A small solver, and a trainer that is silent."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import pytorch_lightning as pl

from pdenet import PINN
from pdenet.networks import MLP
from pdenet.problems.poisson_1d import poisson_1d
from pdenet.run.fit import quiet
from pdenet.sampling import UniformSampler


@pytest.fixture
def solver() -> PINN:
    return PINN(poisson_1d(), partial(MLP, width=4, depth=1), sampler=UniformSampler(points=16))


@pytest.fixture
def build() -> Callable[..., PINN]:
    """Builds a small solver."""

    def make(width: int = 6, depth: int = 1, hard: bool = True) -> PINN:
        sampler = UniformSampler(points=20, boundary_points=4)
        network = partial(MLP, width=width, depth=depth)
        return PINN(poisson_1d(), network, sampler=sampler, hard=hard)

    return make


@pytest.fixture
def train() -> Callable[..., pl.Trainer]:
    """Trains silently, with a logger if one is given."""

    def run(module: PINN, *callbacks: pl.Callback, steps: int, logger: Any = False, **more: Any):
        with quiet():
            trainer = pl.Trainer(
                accelerator="cpu",
                max_steps=steps,
                callbacks=list(callbacks),
                logger=logger,
                log_every_n_steps=1,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
            )
            trainer.fit(module, **more)
        return trainer

    return run


@pytest.fixture
def fit() -> Callable[..., pl.Trainer]:
    def run(module: PINN, *callbacks: pl.Callback, max_steps: int = -1, **options: Any) -> Any:
        checkpoint = options.pop("ckpt_path", None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Lightning's advice on loggers and workers
            trainer = pl.Trainer(
                accelerator="cpu",
                max_steps=max_steps,
                max_epochs=-1,
                callbacks=list(callbacks),
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                **options,
            )
            trainer.fit(module, ckpt_path=checkpoint, weights_only=checkpoint and True)
        return trainer

    return run
