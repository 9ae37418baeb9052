"""What callbacks that look at a training have in common: when, in what time, and what is kept."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import pytorch_lightning as pl

from pdenet.callbacks.probe import Probe
from pdenet.solvers import Solver

MOST = 400  # looks that are kept; then every second one goes, and looks become half as frequent

Entry = dict[str, Any]
"""What one look saw, as plain data; numbers that stand alone are logged."""


class Diagnosis(pl.Callback, ABC):
    """Looks at a training when it starts, every so many steps, and when it ends.

    A look changes nothing of the training, and what it cannot do does not end it: then nothing is
    kept, and :attr:`skipped` says why.

    Args:
        every: Optimizer steps between two looks; None looks at start and end alone. In long
            trainings looks become rarer, so that no more than 400 are kept.
        probe: Points to look at; callbacks that share a probe share what it computes.

    Attributes:
        history: What every look saw.
        seconds: Time that looking took.
        skipped: Why there is nothing to see, or empty.
        trouble: Why a look failed, the last time that one did, or empty.

    Raises:
        ValueError: ``every`` is below 1.
    """

    topic: ClassVar[str]
    """Name in a record's diagnostics."""
    probes: ClassVar[bool] = True
    """Whether it looks at the probe points."""

    def __init__(self, every: int | None, probe: Probe | None = None) -> None:
        if every is not None and every < 1:
            raise ValueError(f"{type(self).__name__}(every={every}) must be at least 1.")
        self.every = every
        self.probe = Probe() if probe is None else probe
        self.history: list[Entry] = []
        self.seconds = 0.0
        self.skipped = self.trouble = ""
        self._stride = every
        self._unlogged: Entry = {}

    @property
    def state_key(self) -> str:
        """Tells this callback's state from that of others in a checkpoint."""
        return self._generate_state_key(every=self.every, points=self.probe.points)

    @property
    def steps(self) -> list[int]:
        """Steps at which it looked."""
        return [entry["step"] for entry in self.history]

    @abstractmethod
    def look(self, solver: Solver) -> Entry:
        """What there is to see now, without the step; raises ValueError where there is nothing."""

    def summary(self) -> dict[str, Any] | None:
        """What a record holds of it, plain data; None where nothing was seen."""
        return {"history": self.history} if self.history else None

    def begin(self, solver: Solver) -> None:
        """Makes ready before the first look; a probe is bound already."""

    # -- Lightning hooks ---------------------------------------------------------------------

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Looks at the network that training starts from, unless that was seen before."""
        assert isinstance(pl_module, Solver)
        start = time.monotonic()
        self.skipped = ""
        try:
            if self.probes:
                self.probe.bind(pl_module)
            self.begin(pl_module)
        except Exception as error:  # whatever it is, a diagnosis must not end a training
            self.skipped = str(error) or type(error).__name__
        self.seconds += time.monotonic() - start
        self._take(pl_module)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        """Looks when it is time to, and logs."""
        assert isinstance(pl_module, Solver)
        last = self.history[-1]["step"] if self.history else 0
        if (
            self._stride is not None
            and pl_module.progress.step // self._stride > last // self._stride
        ):
            self._take(pl_module)
        for name, value in self._unlogged.items():
            if isinstance(value, float):
                pl_module.log(name, value, rank_zero_only=True)
        self._unlogged = {}

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Looks at the trained network."""
        assert isinstance(pl_module, Solver)
        self._take(pl_module)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lets go of the network, when all callbacks have had their last look."""
        self.probe.release()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Lets go of the network."""
        self.probe.release()

    def state_dict(self) -> dict[str, Any]:
        """What was seen so far, for a checkpoint."""
        return {"history": list(self.history), "stride": self._stride}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on with what a checkpoint says was seen."""
        self.history, self._stride = list(state_dict["history"]), state_dict["stride"]

    def _take(self, solver: Solver) -> None:
        step = solver.progress.step
        if self.skipped or step in self.steps[-1:]:
            return
        start = time.monotonic()
        try:
            entry = self.look(solver)
        except (ValueError, RuntimeError) as error:
            # A broken network shows nothing; the solver itself says that it is broken.
            entry, self.trouble = None, str(error)
        if entry is not None:
            self.history.append({"step": step, **entry})
            self._unlogged = entry
            self._thin()
        self.seconds += time.monotonic() - start

    def _thin(self) -> None:
        """Halves what is kept where it has become too much; first and last stay."""
        if self._stride is not None and len(self.history) > MOST:
            self.history = [*self.history[:-1:2], self.history[-1]]
            self._stride *= 2
