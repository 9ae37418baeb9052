"""A run that was stopped and resumed equals the uninterrupted one bit for bit."""

import warnings
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from pdenet import PINN, Condition, Dirichlet, Initial, Problem
from pdenet.balancing import BALANCES
from pdenet.geometry import Box
from pdenet.networks import MLP
from pdenet.optim import OPTIMIZERS
from pdenet.sampling import SAMPLERS

STEPS, STOP = 24, 13  # the stop falls into the second phase of two-phase optimizers, mid-epoch

SHORT: dict[str, dict[str, Any]] = {
    "adam-lbfgs": {"adam_steps": 9},
    "adam-ssbroyden": {"adam_steps": 9, "resample_every": 5},
    "ssbroyden": {"resample_every": 5},
    "levenberg-marquardt": {"resample_every": 5},
    "levenberg-marquardt-ssbroyden": {"lm_steps": 9, "resample_every": 5},
    "gauss-newton-cg": {"resample_every": 5},
    # So coarse that it does not converge before the stop.
    "engd": {"resample_every": 5, "cutoff": 1e-2, "search": "armijo"},
}


SMALL: dict[str, dict[str, Any]] = {
    "adversarial": {"flow_steps": 2, "pool": 40},
    "das": {"flow_steps": 2, "pool": 40},
    "failure-informed": {"batch": 100},
}


def heat() -> Problem:
    domain = Box(x=(0, 1), t=(0, 1))
    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "heat": Condition(lambda u: u.t - u.xx, on=domain.interior),
            "start": Initial(u=lambda x: torch.sin(torch.pi * x), on=domain.initial),
            "ends": Dirichlet(u=0, on=domain.face(x=(0, 1))),
        },
    )


def trained(
    steps: int, checkpoint: Path | None = None, save: Path | None = None, **arguments: Any
) -> PINN:
    module = PINN(heat(), partial(MLP, width=6, depth=2), **arguments)
    trainer = pl.Trainer(
        max_steps=steps,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice on loggers and workers
        trainer.fit(module, ckpt_path=checkpoint, weights_only=checkpoint and True)
        if save is not None:
            trainer.save_checkpoint(save)
    assert module.progress.step == steps
    return module


CASES = [
    *((name, "uniform", "static", 1) for name in OPTIMIZERS),
    # Points that follow a last layer's features are for solvers that solve for it.
    *(("adam", name, "static", 1) for name, s in SAMPLERS.items() if not s.needs_features),
    *(("adam", "uniform", name, 1) for name in BALANCES),
    ("adam-ssbroyden", "rad", "gradient-norm", 4),
]


# At these steps points have just changed under a quasi-Newton method.
STOPS = [(*case, STOP) for case in CASES] + [
    ("adam-ssbroyden", "uniform", "static", 1, 14),
    ("adam-ssbroyden", "rad", "gradient-norm", 4, 14),
    ("ssbroyden", "uniform", "static", 1, 15),
    ("levenberg-marquardt", "rad", "gradient-norm", 4, 15),
    ("levenberg-marquardt-ssbroyden", "uniform", "static", 1, 9),
]


@pytest.mark.parametrize(("optimizer", "sampler", "balance", "block", "stop"), STOPS)
def test_resumed_equals_uninterrupted(
    optimizer: str, sampler: str, balance: str, block: int, stop: int, tmp_path: Path
) -> None:
    def arguments() -> dict[str, Any]:
        every = {} if sampler == "quadrature" else {"every": 4}
        return {
            "hard": balance == "static",
            "optimizer": OPTIMIZERS[optimizer](**SHORT.get(optimizer, {})),
            "sampler": SAMPLERS[sampler](
                points=20, boundary_points=8, **every, **SMALL.get(sampler, {})
            ),
            "balance": BALANCES[balance](),
            "block": block,
        }

    path = tmp_path / "stopped.ckpt"
    whole = trained(STEPS, **arguments())
    trained(stop, save=path, **arguments())
    resumed = trained(STEPS, checkpoint=path, **arguments())
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


def test_checkpoint_of_another_problem_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.ckpt"
    trained(3, save=path, seed=1)
    with pytest.raises(ValueError, match="belongs to"):
        trained(5, checkpoint=path, seed=2)
