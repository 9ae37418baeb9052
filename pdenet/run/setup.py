"""A run before it trains: all choices made, nothing built yet."""

from __future__ import annotations

import copy
import inspect
import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from torch import Tensor

from pdenet.callbacks import (
    Diagnosis,
    EffectiveRank,
    Measure,
    ProgressLine,
    StopOnInterrupt,
    TimeLimit,
    diagnose,
)
from pdenet.problem import Problem
from pdenet.selection import DEFAULT_NAMES, Part, choose, takes_initializer
from pdenet.selection.evolution import cut_time
from pdenet.selection.starts import Choice, try_initializers
from pdenet.settings import Settings
from pdenet.solvers import Correction, LeastSquares, Solver

BLOCK = 50  # optimizer steps a Lightning batch: its overhead is paid once for all of them

# Compilation takes 10 to 40 s cold and saves a third to a half of each step after that: a problem
# that is still not solved after so many steps, with so much time allowed, will need many more.
COMPILE_STEPS, COMPILE_SECONDS = 1500, 100.0

SHORTEST = 1e-3  # seconds of a window, where those before took all

SINGLE = 1e-5  # relative error that single precision reaches at best, by experience


@dataclass
class Run:
    """One run: its problem, its parts and its settings.

    Args:
        problem: The problem.
        parts: Solver, network, initializer, sampler, optimizer, balance; `auto` still in them.
        settings: All options.
        callbacks: The user's.
        folder: Where to write, or None.
        progress: Whether to show progress.
        place: Number of its window, and of its correction; both from 0.
        before: The solver whose network is corrected, or None.
        near: Values near the solution, of points (n, coordinates), for solvers that start anywhere.
    """

    problem: Problem
    parts: dict[str, Part]
    settings: Settings
    callbacks: tuple[pl.Callback, ...] = ()
    folder: Path | None = None
    progress: bool = False
    place: tuple[int, int] = (0, 0)
    before: Solver | None = None
    near: Callable[[Tensor], Tensor] | None = None

    def __post_init__(self) -> None:
        self.begun = time.monotonic()
        if self.settings.precision == 32 and self.target < SINGLE:
            raise ValueError(
                f"--precision 32 does not reach a relative error of {self.target:.0e}: round-off "
                f"of derivatives ends near {SINGLE:.0e}. Use --precision 64, or a larger "
                "--target-error."
            )
        cut = self._cut_time()
        s = self.settings
        self.chosen, self.reasons = choose(
            self.problem, self.parts, s.precision, corrected=s.corrections > 0
        )
        self.reasons = [*cut, *self.reasons]
        self.starts: Choice | None = None
        start = self.chosen["initializer"]
        if start.name == "auto" and start.given is None:
            self._try_initializers()

    def _cut_time(self) -> list[str]:
        """Finds windows of time; the settings keep them, so that resuming tries nothing."""
        s = self.settings
        if s.windows != "auto":
            return []
        if s.max_steps is not None:  # that many steps of training are asked for
            self.settings = replace(s, windows=1)
            return []
        windows, patches, reason = cut_time(
            self.problem, self.parts, s.max_seconds, s.precision, corrected=s.corrections > 0
        )
        self.settings = replace(s, windows=windows)
        if windows == 1:
            return []
        described = {"name": "least-squares", "patches": patches}
        self.parts = {**self.parts, "solver": Part.parse("solver", described)}
        self.settings = replace(self.settings, solver=described)
        return [f"solver: least-squares, {windows} windows of {patches} patches, {reason}"]

    def _try_initializers(self) -> None:
        """Finds where to start from; the settings keep it, so that resuming tries nothing."""
        usual = self.build_solver(Part("initializer", DEFAULT_NAMES["initializer"]))
        self.starts = try_initializers(usual)
        described = self.starts.best.initializer.describe()
        part = Part.parse("initializer", described)
        self.chosen["initializer"] = self.parts["initializer"] = part
        self.settings = replace(self.settings, initializer=described)
        self.reasons.append(f"initializer: {self.starts.reason}")

    @property
    def windows(self) -> int:
        """Windows of time, once `auto` is settled."""
        assert isinstance(self.settings.windows, int), self.settings.windows
        return self.settings.windows

    @property
    def target(self) -> float:
        """Relative L2 error at which training ends and the problem counts as solved."""
        return self.settings.target_error or self.problem.target

    def share(self, problem: Problem | None = None, window: int = 0, spent: float = 0.0) -> Run:
        """The run of one fit, with its share of the steps, and of the seconds that are left.

        Args:
            problem: The problem on a window of time; None for the whole.
            window: The window's number.
            spent: Training seconds of the windows before.

        Returns:
            The run.
        """
        s = self.settings
        n = self.windows * (1 + s.corrections)
        left = (self.windows - window) * (1 + s.corrections)
        cut = replace(
            s,
            windows=1,
            max_seconds=None
            if s.max_seconds is None
            else max(SHORTEST, (s.max_seconds - spent) / left),
            max_steps=None if s.max_steps is None else max(1, s.max_steps // n),
        )
        if problem is None:
            one = copy.copy(self)
            one.settings = cut
            return one
        make = self.chosen["solver"].build()
        if getattr(make, "func", make).direct:
            # It ends by itself; what a window leaves on purpose grows in the next.
            cut = replace(cut, target_error=None)
        parts = {kind: part.for_window(problem) for kind, part in self.parts.items()}
        return Run(problem, parts, cut, self.callbacks, None, self.progress, (window, 0))

    def correcting(self, before: Solver) -> Run:
        """The run of the fit that corrects another one.

        Args:
            before: The solver that was trained.

        Returns:
            The run.
        """
        one = copy.copy(self)
        one.before, one.place = before, (self.place[0], self.place[1] + 1)
        return one

    def build_solver(self, start: Part | None = None) -> Solver:
        """The LightningModule, with all its parts; from another start than the chosen if given."""
        if self.before is not None:
            return self._build_correction(self.before)
        s, make = self.settings, self.chosen["solver"].build()
        plans = "seconds" in inspect.signature(make).parameters
        start = start or self.chosen["initializer"]
        if takes_initializer(make):
            begun = {"initializer": start.build()}
        elif start.as_given() == {"name": DEFAULT_NAMES["initializer"]}:
            begun = {}
        else:
            raise ValueError(
                f"Solver {self.chosen['solver'].concrete!r} starts from a network of its own and "
                f"takes no initializer; leave out --initializer {start.describe()['name']}, or use "
                "--solver pinn."
            )
        solver = make(
            self.problem,
            self.chosen["network"].build(),
            seed=s.seed,
            dtype=s.dtype,
            **self._training(),
            **begun,
            **({"seconds": s.max_seconds} if plans else {}),
        )
        if self.near is not None and isinstance(solver, LeastSquares):
            solver.start_near(self.near)
        return solver

    def _build_correction(self, before: Solver) -> Correction:
        """A network of the same size, where that is known, for what the one before leaves over."""
        s, asked = self.settings, self.chosen["network"].describe()
        sizes = {name: asked[name] for name in ("width", "depth") if name in asked}
        # Another draw each, of start and points.
        seed = s.seed + 1000 * self.place[1]
        return Correction(before, seed=seed, dtype=s.dtype, **sizes, **self._training())

    def _training(self) -> dict[str, Any]:
        """What all solvers are trained with."""
        parts = ("sampler", "optimizer", "balance")
        return {
            **{kind: self.chosen[kind].build() for kind in parts},
            "block": BLOCK,
            "compile_after": self.compile_after(),
        }

    def compile_after(self) -> int | None:
        """Steps after which compilation pays; not by measuring, so that resuming does the same."""
        if self.settings.compile != "auto":
            return 0 if self.settings.compile == "yes" else None
        long = (self.settings.max_seconds or math.inf) >= COMPILE_SECONDS
        return COMPILE_STEPS if long and shutil.which("c++") is not None else None

    def diagnoses(self) -> list[Diagnosis]:
        """The user's own, what the settings ask for, and effective rank at start and end."""
        found = [c for c in self.callbacks if isinstance(c, Diagnosis)]
        names = self.settings.diagnoses()
        asked: list[Diagnosis] = diagnose(*names) if names else []
        found += [c for c in asked if not any(isinstance(one, type(c)) for one in found)]
        # Patches that are solved for are not trained: a kernel of thousands of them tells nothing.
        patched = self.chosen["solver"].arguments.get("patches", 1) != 1
        if not patched and not any(isinstance(one, EffectiveRank) for one in found):
            found.append(EffectiveRank(every=None))
        return found

    def trainer(self, measure: Measure, diagnoses: Sequence[Diagnosis]) -> pl.Trainer:
        """A Trainer that is silent, has no end of its own but steps, and writes nothing."""
        s, device = self.settings, self.settings.torch_device()
        # Diagnoses come early, so that no clock of training runs yet when they look at its start.
        others = [c for c in self.callbacks if c not in diagnoses]
        callbacks = [StopOnInterrupt(), *diagnoses, measure, *others]
        if s.max_seconds is not None:
            callbacks.append(TimeLimit(s.max_seconds))
        if self.progress:
            callbacks.append(ProgressLine(measure, s.max_seconds, s.max_steps))
        return pl.Trainer(
            accelerator="gpu" if device.type == "cuda" else device.type,
            devices=[device.index or 0] if device.type == "cuda" else 1,
            max_steps=s.max_steps or -1,
            max_epochs=-1,
            callbacks=callbacks,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
