"""pdenet by its command line's defaults, and its training where least squares would do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch

from benchmarks.time_to_error.cases import Case
from benchmarks.time_to_error.stopwatch import Stopwatch
from pdenet.callbacks import TimeLimit
from pdenet.residuals import Residuals
from pdenet.run import solve
from pdenet.solution import fields_at
from pdenet.solvers import Solver


def automatic(case: Case | None, watch: Stopwatch, seed: int) -> None:
    """What ``solve-problem NAME --windows 1`` does."""
    _run(watch, seed, "auto")


def trained(case: Case | None, watch: Stopwatch, seed: int) -> None:
    """What ``solve-problem NAME --solver pinn`` does."""
    _run(watch, seed, "pinn")


def handed_over(case: Case | None, watch: Stopwatch, seed: int) -> None:
    """Levenberg-Marquardt, then self-scaled Broyden from its inverse."""
    _run(watch, seed, "pinn", "levenberg-marquardt-ssbroyden")


def _run(watch: Stopwatch, seed: int, solver: str, optimizer: str = "auto") -> None:
    look = Look(watch)
    solution = solve(
        watch.problem,
        solver,
        optimizer=optimizer,
        callbacks=[look],
        seed=seed,
        max_seconds=watch.cap,
        target_error=watch.target,
        windows=1,  # where time is cut there is no answer before the end
    )
    record = solution.record
    parts = (record.solver, record.network, record.sampler, record.optimizer)
    watch.note(settings=", ".join(_described(part) for part in parts) + ", float64")
    watch.end(record.stopped_by)


def _described(part: dict[str, Any]) -> str:
    shown = {k: v for k, v in part.items() if k in ("width", "depth", "points", "every")}
    inside = ", ".join(f"{k} {v}" for k, v in shown.items() if v is not None)
    return f"{part['name']} ({inside})" if inside else part["name"]


class Look(pl.Callback):
    """Shows the network to the stopwatch after every batch, and at the end.

    Args:
        watch: The stopwatch.
    """

    def __init__(self, watch: Stopwatch) -> None:
        self.watch = watch

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Takes off the limit by the clock on the wall: CPU seconds end all contenders."""
        kept = [c for c in trainer.callbacks if not isinstance(c, TimeLimit)]  # type: ignore[attr-defined]
        trainer.callbacks = kept  # type: ignore[attr-defined]

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        """Stops training when the stopwatch says so."""
        assert isinstance(pl_module, Solver)
        if self.watch.look(lambda x: _values(pl_module.residuals, x)):
            pl_module.stop("max-seconds", str(self.watch.ended))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measures what training ended with."""
        assert isinstance(pl_module, Solver)
        self.watch.look(lambda x: _values(pl_module.residuals, x), always=True)


def _values(residuals: Residuals, x: np.ndarray) -> np.ndarray:
    found = fields_at(residuals, torch.from_numpy(x))
    return torch.stack([found[name] for name in residuals.problem.shapes], dim=-1).numpy()
