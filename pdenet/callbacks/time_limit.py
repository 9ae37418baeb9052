"""Ends training when its seconds are spent."""

from __future__ import annotations

import time

import pytorch_lightning as pl

from pdenet.solvers import Solver


class TimeLimit(pl.Callback):
    """Ends training after a number of seconds, on every rank at the same step.

    Args:
        seconds: Training seconds; what came before a resumed run does not count.

    Raises:
        ValueError: ``seconds`` is not positive.
    """

    def __init__(self, seconds: float) -> None:
        if not seconds > 0:
            raise ValueError(f"TimeLimit({seconds}) must be positive.")
        self.seconds = seconds
        self._start = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Starts the clock."""
        self._start = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        """Looks at the clock; ranks agree, so that they leave together."""
        assert isinstance(pl_module, Solver)
        over = time.monotonic() - self._start > self.seconds
        if trainer.strategy.reduce_boolean_decision(over, all=False):
            pl_module.stop("max-seconds", f"{self.seconds:g} seconds of training are over")
