"""Ctrl-C asks for a stop at the block's end, so that the run is saved and can be resumed."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

import pytorch_lightning as pl

from pdenet.solvers import Solver


class StopOnInterrupt(pl.Callback):
    """Turns the first SIGINT into an orderly stop; a second one breaks off at once.

    Lightning's own handler ends the process, before anything can be saved. Put it first among the
    callbacks, so that what others do when training starts is covered too.
    """

    def __init__(self) -> None:
        self._module: Solver | None = None
        self._previous: Any = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Installs the handler; signals reach the main thread only."""
        assert isinstance(pl_module, Solver)
        if threading.current_thread() is threading.main_thread():
            self._module = pl_module
            self._previous = signal.signal(signal.SIGINT, self._stop)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Puts the previous handler back, when other callbacks have had their end of training."""
        self._restore()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Puts the previous handler back."""
        self._restore()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        assert self._module is not None
        self._module.stop("interrupted", "Ctrl-C; resume with solve-problem --resume")
        self._restore()

    def _restore(self) -> None:
        if self._module is not None:
            signal.signal(signal.SIGINT, self._previous)
            self._module = None
