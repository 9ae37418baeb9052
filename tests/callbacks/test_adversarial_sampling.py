"""The callback takes the place of a solver's sampler, logs, stops, and resumes bit for bit."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from pdenet import PINN
from pdenet.callbacks import AdversarialSampling
from pdenet.networks import MLP
from pdenet.optim import OPTIMIZERS
from pdenet.problems.one_peak_2d import one_peak_2d
from pdenet.sampling import AdversarialSampler, SobolSampler

OPTIONS = {"every": 4, "flow_steps": 2, "pool": 60}


def peak(optimizer: str = "adam", **options: Any) -> PINN:
    sampler = SobolSampler(points=80, boundary_points=10, counts={"poisson": 70})
    phases = OPTIMIZERS[optimizer](**options)
    network = partial(MLP, width=6, depth=2)
    return PINN(one_peak_2d(sharpness=50.0), network, sampler=sampler, optimizer=phases)


def test_it_takes_over_the_numbers_of_points(fit: Callable[..., Any]) -> None:
    module, callback = peak(), AdversarialSampling(**OPTIONS)
    fit(module, callback, max_steps=6)
    assert module.sampler is callback.sampler
    assert isinstance(module.sampler, AdversarialSampler)
    assert (callback.sampler.points, callback.sampler.boundary_points) == (80, 10)
    assert len(module.points["poisson"]) == 70
    assert callback.sampler.adapted == 1
    given = AdversarialSampling(points=33, counts=None, **OPTIONS)
    fit(module, given, max_steps=1)
    assert len(module.points["poisson"]) == 33


def test_it_logs_what_adaptation_did(fit: Callable[..., Any]) -> None:
    trainer = fit(peak(), AdversarialSampling(**OPTIONS), max_steps=6)
    logged = trainer.callback_metrics
    for name in ("variance", "wasserstein", "effective_share", "beta", "gain"):
        assert bool(logged[name].isfinite()), name


@pytest.mark.parametrize("optimizer", ["adam", "adam-ssbroyden"])
def test_resumed_equals_uninterrupted(
    optimizer: str, fit: Callable[..., Any], tmp_path: Path
) -> None:
    short = {"adam_steps": 7, "resample_every": 4} if optimizer != "adam" else {}

    def trained(steps: int, **more: Any) -> tuple[PINN, pl.Trainer]:
        module = peak(optimizer, **short)
        return module, fit(module, AdversarialSampling(**OPTIONS), max_steps=steps, **more)

    whole, _ = trained(18)
    _, trainer = trained(10)
    trainer.save_checkpoint(tmp_path / "stopped.ckpt")
    resumed, _ = trained(18, ckpt_path=tmp_path / "stopped.ckpt")
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)
    assert torch.equal(whole.points["poisson"].x, resumed.points["poisson"].x)
    assert whole.sampler.report() == resumed.sampler.report()


def test_points_stay_while_a_phase_wants_them_fixed(fit: Callable[..., Any]) -> None:
    module, seen = peak("lbfgs"), []

    class Watch(pl.Callback):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, *others: Any) -> None:
            seen.append(pl_module.points["poisson"])

    fit(module, AdversarialSampling(**OPTIONS), Watch(), max_steps=9)
    assert all(points is seen[0] for points in seen)
    assert module.sampler.report() is None


def test_training_ends_when_loss_and_variance_are_small(fit: Callable[..., Any]) -> None:
    module = peak()
    fit(module, AdversarialSampling(tolerance=1e12, **OPTIONS), max_steps=40)
    assert module.progress.step < 10
    assert module.progress.stopped_by == "converged"
    assert "variance" in module.progress.stop_reason
    module = peak()
    fit(module, AdversarialSampling(tolerance=1e-12, **OPTIONS), max_steps=12)
    assert module.progress.stopped_by is None


def test_what_does_not_fit_is_refused(fit: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="tolerance=0"):
        AdversarialSampling(tolerance=0.0)
    with pytest.raises(ValueError, match=r"beta=-1\.0"):
        AdversarialSampling(beta=-1.0)
    callback = AdversarialSampling()
    with pytest.raises(ValueError, match="a pdenet Solver"):
        callback.setup(pl.Trainer(logger=False, accelerator="cpu"), pl.LightningModule(), "fit")
