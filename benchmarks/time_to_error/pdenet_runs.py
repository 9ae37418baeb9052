"""pdenet by its command line's defaults, and its training where least squares would do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch

from benchmarks.time_to_error.cases import Case
from benchmarks.time_to_error.stopwatch import Stopwatch
from pdenet.residuals import Residuals
from pdenet.run import solve
from pdenet.solution import fields_at
from pdenet.solvers import Solver

FIRST_SECONDS = 10.0
SHOWN = ("width", "depth", "patches", "points", "every")


def automatic(case: Case | None, watch: Stopwatch, seed: int) -> None:
    """``solve-problem NAME --max-seconds 10``, then anew with 20, 40, ... until one will do.

    What is tried depends on the seconds, and where time is cut there is no answer before the end.
    """
    seconds = FIRST_SECONDS
    while watch.ended is None:
        _run(watch, seed, "auto", max_seconds=seconds)
        seconds *= 2


def trained(case: Case | None, watch: Stopwatch, seed: int) -> None:
    """What ``solve-problem NAME --solver pinn`` does."""
    _run(watch, seed, "pinn", max_seconds=watch.cap)


def handed_over(case: Case | None, watch: Stopwatch, seed: int) -> None:
    """Levenberg-Marquardt, then self-scaled Broyden from its inverse."""
    optimizer = "levenberg-marquardt-ssbroyden"
    _run(watch, seed, "pinn", max_seconds=watch.cap, optimizer=optimizer)


def _run(watch: Stopwatch, seed: int, solver: str, **options: Any) -> None:
    solution = solve(
        watch.problem,
        solver,
        callbacks=[Look(watch)],
        seed=seed,
        target_error=watch.target,
        **options,
    )
    watch.look(lambda x: _values(solution.residuals, x), always=True)
    record = solution.record
    parts = (record.solver, record.network, record.sampler, record.optimizer)
    windows = f"windows {len(record.fits)}, " if len(record.fits) > 1 else ""
    watch.note(settings=windows + ", ".join(_described(part) for part in parts) + ", float64")


def _described(part: dict[str, Any]) -> str:
    shown = {k: v for k, v in part.items() if k in SHOWN}
    inside = ", ".join(f"{k} {v}" for k, v in shown.items() if v is not None)
    return f"{part['name']} ({inside})" if inside else part["name"]


class Look(pl.Callback):
    """Shows a network of all times to the stopwatch after every batch.

    Args:
        watch: The stopwatch.
    """

    def __init__(self, watch: Stopwatch) -> None:
        self.watch = watch

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
        if pl_module.residuals.problem is not self.watch.problem:
            return  # a window of time
        if self.watch.look(lambda x: _values(pl_module.residuals, x)):
            pl_module.stop("max-seconds", str(self.watch.ended))


def _values(residuals: Residuals, x: np.ndarray) -> np.ndarray:
    found = fields_at(residuals, torch.from_numpy(x))
    return torch.stack([found[name] for name in residuals.problem.shapes], dim=-1).numpy()
