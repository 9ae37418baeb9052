"""The one function that trains and measures: command line, scripts and benchmarks call it."""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
import warnings
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from pdenet.accuracy import Comparison, indicators, judge, unknown_errors
from pdenet.callbacks import Measure, ProgressLine, StopOnInterrupt, TimeLimit
from pdenet.catalogue import find
from pdenet.optim import NonFiniteError
from pdenet.problem import Problem
from pdenet.record import Record, StoppedBy
from pdenet.report import write_report
from pdenet.selection import Part, choose
from pdenet.settings import PARTS, Settings
from pdenet.solution import Solution
from pdenet.solvers import Solver

CHECKPOINT, CONFIG, RECORD = "checkpoint.ckpt", "config.yaml", "record.json"
BLOCK = 50  # optimizer steps a Lightning batch: its overhead is paid once for all of them

# Compilation takes 10 to 40 s cold and saves about half of each step after that.
COMPILE_SECONDS = 240.0


def solve(
    problem: str | Problem,
    solver: Any = "auto",
    network: Any = "auto",
    sampler: Any = "auto",
    optimizer: Any = "auto",
    balance: Any = "auto",
    callbacks: Sequence[pl.Callback] = (),
    *,
    parameters: dict[str, Any] | None = None,
    out: str | Path | None = None,
    progress: bool = False,
    **options: Any,
) -> Solution:
    """Solves a problem and says how good the answer is.

    Args:
        problem: A name, ``FILE.py:name``, or a :class:`Problem`.
        solver: A name, or ``{"name": ..., ...arguments}``; `auto` chooses.
        network: The same, or an ``nn.Module``, or a factory ``(inputs, outputs) -> nn.Module``.
        sampler: The same, or a :class:`~pdenet.sampling.Sampler`.
        optimizer: The same, or a tuple of phases.
        balance: The same, or a :class:`~pdenet.balancing.Balance`.
        callbacks: More Lightning callbacks.
        parameters: Parameters of a problem that is given by name.
        out: Folder to write; None writes nothing. An existing folder is never overwritten: a new
            one gets a number.
        progress: Whether to show a line of progress on standard error.
        options: Fields of :class:`~pdenet.settings.Settings`: max_seconds, max_steps,
            target_error, seed, precision, device, compile, windows.

    Returns:
        The solution, with its record.

    Raises:
        ValueError: A name, an option or an argument is wrong; nothing has been written then.

    Example:
        >>> solution = solve("poisson-1d", max_steps=20, seed=1)
        >>> solution.record.stopped_by
        'max-steps'
    """
    built = problem if isinstance(problem, Problem) else find(problem).build(**(parameters or {}))
    spec = {"name": built.name if isinstance(problem, Problem) else problem}
    given = dict(zip(PARTS, (solver, network, sampler, optimizer, balance), strict=True))
    parts = {kind: Part.parse(kind, value) for kind, value in given.items()}
    described = {
        kind: {"name": p.name, **p.arguments} if p.given is None else p.describe()
        for kind, p in parts.items()
    }
    settings = Settings(problem={**spec, **built.parameters}, **described, **options)
    folder = None if out is None else new_folder(Path(out))
    return _run(Run(built, parts, settings, tuple(callbacks), folder, progress))


def resume(
    folder: str | Path,
    *,
    progress: bool = False,
    callbacks: Sequence[pl.Callback] = (),
    **options: Any,
) -> Solution:
    """Goes on where a run stopped, in its folder.

    Args:
        folder: A run folder.
        progress: As for :func:`solve`.
        callbacks: As for :func:`solve`.
        options: Settings that replace the run's, such as ``max_seconds``.

    Returns:
        The solution after more training.

    Raises:
        ValueError: The folder is not a run, its checkpoint is damaged, or it belongs to another
            problem.
    """
    folder = Path(folder)
    settings = Settings.from_mapping(
        {**vars(read_settings(folder)), **options}, str(folder / CONFIG)
    )
    run = _rebuild(settings, folder, tuple(callbacks), progress)
    return _run(run, read_checkpoint(folder))


def load(folder: str | Path, problem: Problem | None = None) -> Solution:
    """Gives back the solution of a run folder.

    Args:
        folder: A run folder.
        problem: The problem, if the run did not take it from the catalogue or a file.

    Returns:
        The solution, with its record.

    Raises:
        ValueError: The folder is not a run, or its checkpoint is damaged.
    """
    folder = Path(folder)
    record = Record.load(folder / RECORD)
    run = _rebuild(read_settings(folder), folder, (), False, problem)
    solver = run.build_solver()
    solver.load_state_dict(read_checkpoint(folder)["state_dict"])
    return Solution(solver.residuals, record, folder)


@dataclass
class Run:
    """One run before, while and after it trains.

    Args:
        problem: The problem.
        parts: Solver, network, sampler, optimizer, balance; `auto` still in them.
        settings: All options.
        callbacks: The user's.
        folder: Where to write, or None.
        progress: Whether to show progress.
    """

    problem: Problem
    parts: dict[str, Part]
    settings: Settings
    callbacks: tuple[pl.Callback, ...] = ()
    folder: Path | None = None
    progress: bool = False

    def __post_init__(self) -> None:
        self.begun = time.monotonic()
        self.chosen, self.reasons = choose(self.problem, self.parts)

    @property
    def target(self) -> float:
        """Relative L2 error at which training ends and the problem counts as solved."""
        return self.settings.target_error or self.problem.target

    def build_solver(self) -> Solver:
        """The LightningModule, with all its parts."""
        s = self.settings
        return self.chosen["solver"].build()(
            self.problem,
            self.chosen["network"].build(),
            sampler=self.chosen["sampler"].build(),
            optimizer=self.chosen["optimizer"].build(),
            balance=self.chosen["balance"].build(),
            seed=s.seed,
            dtype=s.dtype,
            block=BLOCK,
            compiled=self.compiled(),
        )

    def compiled(self) -> bool:
        """Whether compilation pays: never by measuring, so that a resumed run does the same."""
        if self.settings.compile != "auto":
            return self.settings.compile == "yes"
        seconds = self.settings.max_seconds or 0.0
        return seconds >= COMPILE_SECONDS and shutil.which("c++") is not None

    def trainer(self, measure: Measure) -> pl.Trainer:
        """A Trainer that is silent, has no end of its own but steps, and writes nothing."""
        s, device = self.settings, self.settings.torch_device()
        callbacks = [measure, StopOnInterrupt(), *self.callbacks]
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


def _run(run: Run, checkpoint: dict[str, Any] | None = None) -> Solution:
    solver = run.build_solver()
    comparison = Comparison.of(run.problem)
    measure = Measure(comparison, run.target)
    with _quiet():
        trainer = run.trainer(measure)
    ready = time.monotonic()
    stopped_by = _fit(run, trainer, solver, checkpoint)
    trained = time.monotonic()
    record = _record(run, solver, measure, comparison, stopped_by, (ready, trained))
    solution = Solution(solver.residuals, record, run.folder)
    if run.folder is not None:
        _write(run, trainer, solution)
    return solution


def _fit(
    run: Run, trainer: pl.Trainer, solver: Solver, checkpoint: dict[str, Any] | None
) -> StoppedBy:
    """Trains; trouble that has a name becomes the reason why training stopped."""
    with _quiet(), tempfile.TemporaryDirectory() as scratch:
        path = None
        if checkpoint is not None:
            path = Path(scratch) / CHECKPOINT
            torch.save(checkpoint, path)
        try:
            trainer.fit(solver, ckpt_path=path, weights_only=True)
        except NonFiniteError as error:
            solver.progress.stopped_by, solver.progress.stop_reason = "nan", str(error)
        except torch.OutOfMemoryError as error:
            solver.progress.stopped_by = "out-of-memory"
            solver.progress.stop_reason = f"{error}. Use fewer points or a smaller network."
    if not solver.progress.stopped_by:
        solver.progress.stopped_by = "max-steps"
        solver.progress.stop_reason = f"{solver.progress.step} steps are taken"
    return solver.progress.stopped_by  # type: ignore[return-value]


def _record(
    run: Run,
    solver: Solver,
    measure: Measure,
    comparison: Comparison | None,
    stopped_by: StoppedBy,
    times: tuple[float, float],
) -> Record:
    residuals, (ready, trained) = solver.residuals, times
    broken = stopped_by in {"nan", "out-of-memory"}
    errors = None
    if comparison is not None and not broken:
        errors = {**comparison.errors(residuals), **unknown_errors(residuals)}
    found = {} if broken else indicators(residuals, solver.points)
    verdict, reasons = judge(run.problem, errors, found, stopped_by, run.target)
    if broken:
        reasons = [solver.progress.stop_reason]
    end = time.monotonic()
    described: dict[str, Any] = {k: part.describe() for k, part in run.chosen.items()}
    reference = run.problem.reference
    return Record(
        problem={"name": run.problem.name, "parameters": dict(run.problem.parameters)},
        solver=described["solver"],
        network=described["network"],
        sampler=described["sampler"],
        optimizer=described["optimizer"],
        balance=described["balance"],
        initializer={"name": "network's own"},
        parameters=sum(p.numel() for p in residuals.parameters() if p.requires_grad),
        seed=run.settings.seed,
        precision=run.settings.precision,
        chosen=run.reasons,
        steps=solver.progress.step,
        seconds={
            "setup": ready - run.begun,
            "training": trained - ready - measure.seconds_measuring,
            "evaluation": measure.seconds_measuring + end - trained,
            "total": end - run.begun,
        },
        stopped_by=stopped_by,
        stop_reason=solver.progress.stop_reason,
        reference=None if reference is None else reference.kind,
        errors=None if errors is None else {n: e.plain() for n, e in errors.items()},
        unknowns={n: float(p) for n, p in residuals.unknowns.items()},
        indicators=found,
        effective_rank=None,
        verdict=verdict,
        reasons=reasons,
        curve=measure.curve,
    )


# -- run folders -------------------------------------------------------------------------------


def new_folder(wanted: Path) -> Path:
    """Makes a folder that was not there: ``wanted``, or ``wanted-2``, ``wanted-3``, ...

    Args:
        wanted: The folder's path.

    Returns:
        The folder made.

    Raises:
        ValueError: It cannot be made or written.
    """
    folder, number = wanted, 1
    while True:
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            number += 1
            folder = wanted.with_name(f"{wanted.name}-{number}")
        except OSError as error:
            raise ValueError(
                f"--out {wanted} cannot be written ({error.strerror}); choose another folder."
            ) from error


def read_settings(folder: Path) -> Settings:
    """The settings of a run folder; a ValueError where it is none."""
    if not (folder / CONFIG).is_file():
        raise ValueError(f"{folder} is not a run folder: it has no {CONFIG}.")
    return Settings.from_yaml(folder / CONFIG)


def read_checkpoint(folder: Path) -> dict[str, Any]:
    """The checkpoint of a run folder.

    Args:
        folder: The folder.

    Returns:
        Lightning's checkpoint: tensors and plain data.

    Raises:
        ValueError: There is none, or it is damaged.
    """
    path = folder / CHECKPOINT
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(
            f"{path} cannot be read ({type(error).__name__}); the run has to be repeated: "
            f"solve-problem --config {folder / CONFIG}"
        ) from error


def _rebuild(
    settings: Settings,
    folder: Path,
    callbacks: tuple[pl.Callback, ...],
    progress: bool,
    problem: Problem | None = None,
) -> Run:
    if problem is None:
        parameters = dict(settings.problem)
        problem = find(parameters.pop("name")).build(**parameters)
    parts = {kind: Part.parse(kind, getattr(settings, kind)) for kind in PARTS}
    return Run(problem, parts, settings, callbacks, folder, progress)


def _write(run: Run, trainer: pl.Trainer, solution: Solution) -> None:
    """The run folder; the checkpoint first, since a run that cannot be resumed is lost."""
    assert run.folder is not None
    partial = run.folder / f"{CHECKPOINT}.partial"
    with _quiet():
        trainer.save_checkpoint(partial)
    partial.replace(run.folder / CHECKPOINT)
    (run.folder / CONFIG).write_text(run.settings.to_yaml(), encoding="utf-8")
    solution.record.save(run.folder / RECORD)
    write_report(solution, run.folder)


@contextmanager
def _quiet() -> Any:
    """Lightning greets and advises; here the progress line speaks."""
    logger = logging.getLogger("lightning.pytorch")
    other = logging.getLogger("pytorch_lightning")
    levels = [(log, log.level) for log in (logger, other)]
    for log, _ in levels:
        log.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # Lightning 2.6 calls a part of torch that torch 2.13 deprecates.
        warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
        try:
            yield
        finally:
            for log, level in levels:
                log.setLevel(level)
