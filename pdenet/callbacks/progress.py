"""One line that lives: step, loss, error, time left."""

from __future__ import annotations

import time

import pytorch_lightning as pl
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from pdenet.callbacks.measure import Measure
from pdenet.solvers import Solver

PLAIN_SECONDS = 15.0  # between lines where there is no terminal to redraw


class ProgressLine(pl.Callback):
    """Shows loss, error and time left; plain lines where the output is not a terminal.

    Args:
        measure: Where the error is read.
        max_seconds: Length of the bar, or None.
        max_steps: Length of the bar where there is no time limit, or None.
        console: Where to write; standard error by default.
    """

    def __init__(
        self,
        measure: Measure,
        max_seconds: float | None,
        max_steps: int | None,
        console: Console | None = None,
    ) -> None:
        self.measure = measure
        self.max_seconds = max_seconds
        self.max_steps = max_steps
        self.console = console or Console(stderr=True)
        self._bar: Progress | None = None
        self._start = self._last = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Opens the line."""
        self._start = self._last = time.monotonic()
        if not trainer.is_global_zero or not self.console.is_terminal:
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, console=self.console, transient=True)
        self._bar.add_task("training", total=self.max_seconds or self.max_steps)
        self._bar.start()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        """Redraws the line, at most ten times a second."""
        assert isinstance(pl_module, Solver)
        now = time.monotonic()
        if self._bar is not None and now - self._last > 0.1:
            done = now - self._start if self.max_seconds else pl_module.progress.step
            task = self._bar.task_ids[0]
            self._bar.update(task, completed=done, description=self._words(pl_module))
            self._last = now
        elif self._bar is None and trainer.is_global_zero and now - self._last > PLAIN_SECONDS:
            self.console.print(f"{now - self._start:6.0f} s  {self._words(pl_module)}")
            self._last = now

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Closes the line."""
        self._close()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Closes the line."""
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _words(self, solver: Solver) -> str:
        error = self.measure.curve.error[-1] if self.measure.curve.error else None
        shown = "" if error is None else f"  error {error:.2e}"
        step = solver.progress.step
        return f"{solver.phase.name:>12}  step {step}  loss {solver.loss:.2e}{shown}"
