"""One fit: a solver trained until something ends it."""

from __future__ import annotations

import logging
import signal
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from pdenet.accuracy import Comparison
from pdenet.callbacks import Diagnosis, EffectiveRank, Measure
from pdenet.optim import NonFiniteError
from pdenet.record import Curve, StoppedBy
from pdenet.run.announce import data_progress
from pdenet.run.setup import Run
from pdenet.solvers import OperatorSolver, Solver


@dataclass
class Fit:
    """What one fit leaves.

    Args:
        solver: The trained solver.
        place: Number of its window, and of its correction; both from 0.
        checkpoint: Lightning's checkpoint, tensors and plain data.
        curve: What was measured.
        stopped_by: Why it ended.
        stop_reason: The same in words.
        seconds: Seconds of setup, training and evaluation.
        diagnoses: Callbacks that looked at it.
    """

    solver: Solver
    place: tuple[int, int]
    checkpoint: dict[str, Any]
    curve: Curve
    stopped_by: StoppedBy
    stop_reason: str
    seconds: dict[str, float] = field(default_factory=dict)
    diagnoses: list[Diagnosis] = field(default_factory=list)

    @property
    def effective_rank(self) -> dict[str, Any] | None:
        """As a record holds it, or None."""
        found = (c.record for c in self.diagnoses if isinstance(c, EffectiveRank))
        return next(found, None)

    @property
    def broken(self) -> bool:
        """Whether the numbers that it left mean nothing."""
        return self.stopped_by in {"nan", "unbounded", "out-of-memory"}

    def finished(self) -> dict[str, Any]:
        """Tensors and plain data that a later run needs of a fit that is done."""
        return {
            "state_dict": self.checkpoint["state_dict"],
            "steps": self.solver.progress.step,
            "curve": dict(vars(self.curve)),
            "stopped_by": self.stopped_by,
        }


def fit(run: Run, checkpoint: dict[str, Any] | None = None) -> Fit:
    """Trains one network on one problem.

    Args:
        run: What to train.
        checkpoint: Where to go on from, or None.

    Returns:
        The fit. Trouble that has a name is the reason why it stopped, not an exception.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed twice, or before training began.
    """
    start = time.monotonic()
    solver = run.build_solver()
    if isinstance(solver, OperatorSolver):
        with data_progress(run.progress) as told:
            solver.prepare(told)
    measure, diagnoses = Measure(Comparison.of(run.problem), _target(run, solver)), run.diagnoses()
    before = sum(one.seconds for one in diagnoses)
    with quiet(), tempfile.TemporaryDirectory() as scratch:
        trainer = run.trainer(measure, diagnoses)
        path = Path(scratch) / "checkpoint.ckpt"
        if checkpoint is not None:
            torch.save(checkpoint, path)
        ready = time.monotonic()
        _train(trainer, solver, None if checkpoint is None else path)
        end = time.monotonic()
        _note_end(solver)
        trainer.save_checkpoint(path)
        # Written just now. What a user's callback adds to it must not lose the run.
        saved = torch.load(path, map_location="cpu", weights_only=False)
    looking = sum(one.seconds for one in diagnoses) - before
    measuring = measure.seconds_measuring + looking
    seconds = {
        "setup": ready - start,
        "training": end - ready - measuring,
        "evaluation": measuring,
    }
    progress = solver.progress
    assert progress.stopped_by is not None
    stopped = progress.stopped_by, progress.stop_reason
    return Fit(solver, run.place, saved, measure.curve, *stopped, seconds, diagnoses)


def _target(run: Run, solver: Solver) -> float | None:
    """The error that ends training."""
    # Who asks for corrections wants what comes after the problem's own target.
    onward = solver.direct or run.settings.corrections > 0
    return run.settings.target_error if onward else run.target


def _train(trainer: pl.Trainer, solver: Solver, checkpoint: Path | None) -> None:
    """Trains from a checkpoint, or afresh; trouble that has a name becomes the reason to stop."""
    try:
        weights_only = None if checkpoint is None else True
        trainer.fit(solver, ckpt_path=checkpoint, weights_only=weights_only)
    except NonFiniteError as error:
        # What else had asked for the end comes second.
        solver.progress.end("nan", str(error), overrule=True)
    except SystemExit as error:  # Lightning's answer to a second Ctrl-C, which it then ignores
        signal.signal(signal.SIGINT, signal.default_int_handler)
        raise KeyboardInterrupt from error
    except torch.OutOfMemoryError as error:
        solver.progress.end("out-of-memory", f"{error}. Use fewer points or a smaller network.")


def _note_end(solver: Solver) -> None:
    """Says why training ended where nothing else did."""
    progress = solver.progress
    if not all(bool(p.isfinite().all()) for p in solver.parameters()):
        # A gradient may be NaN where the loss is not, such as that of a root at zero.
        reason = f"Step {progress.step} left parameters that are not finite."
        progress.end("nan", reason, overrule=True)
    progress.end("max-steps", f"{progress.step} steps are taken")


@contextmanager
def quiet() -> Iterator[None]:
    """Lightning greets and advises; here the progress line speaks."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "pytorch_lightning")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # Lightning 2.6 calls a part of torch that torch 2.13 deprecates.
        warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
