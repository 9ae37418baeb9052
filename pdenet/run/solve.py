"""The top call, and what brings a run folder back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from pdenet.callbacks import Initialize
from pdenet.catalogue import find
from pdenet.problem import Problem
from pdenet.record import Record
from pdenet.run.announce import announce
from pdenet.run.chain import chain, check_corrections, joined, restored
from pdenet.run.folder import (
    CONFIG,
    RECORD,
    new_folder,
    read_checkpoint,
    read_settings,
    write_results,
    write_state,
)
from pdenet.run.march import check_windows
from pdenet.run.outcome import outcome
from pdenet.run.setup import Run
from pdenet.selection import DEFAULT_NAMES, Part
from pdenet.settings import PARTS, Settings
from pdenet.solution import Solution


def solve(
    problem: str | Problem,
    solver: Any = "auto",
    network: Any = "auto",
    sampler: Any = "auto",
    optimizer: Any = "auto",
    balance: Any = "auto",
    callbacks: Sequence[pl.Callback] = (),
    *,
    initializer: Any = "glorot",
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
        callbacks: More Lightning callbacks; an Initialize among them counts as the initializer.
        initializer: Where training starts from: a name, or ``{"name": ..., ...arguments}``, or an
            :class:`~pdenet.networks.initializers.Initializer`; `auto` tries some, in seconds.
        parameters: Parameters of a problem that is given by name.
        out: Folder to write; None writes nothing. An existing folder is never overwritten: a new
            one gets a number.
        progress: Whether to show a line of progress on standard error.
        options: Fields of :class:`~pdenet.settings.Settings`: max_seconds, max_steps,
            target_error, seed, precision, device, compile, windows,
            corrections.

    Returns:
        The solution, with its record.

    Raises:
        ValueError: A name, an option or an argument is wrong; nothing has been written then.

    Example:
        >>> solution = solve("poisson-1d", "pinn", max_steps=2, seed=1)
        >>> solution.record.stopped_by
        'max-steps'
    """
    if isinstance(problem, Problem):
        built, name = problem, problem.name
    else:
        entry = find(problem)
        built, name = entry.build(**(parameters or {})), entry.spec
    initializer, callbacks = _start_of(initializer, callbacks)
    given = dict(
        zip(PARTS, (solver, network, initializer, sampler, optimizer, balance), strict=True)
    )
    parts = {kind: Part.parse(kind, value) for kind, value in given.items()}
    described = {kind: part.as_given() for kind, part in parts.items()}
    data = {"problem": {"name": name, **built.parameters}, **described, **options}
    settings = Settings.from_mapping(data, "solve(...)")
    if isinstance(settings.windows, int):
        check_windows(built, settings.windows)
    run = Run(built, parts, settings, tuple(callbacks), None, progress)
    # What does not fit is refused before anything is written.
    solver = run.build_solver()
    check_corrections(solver, settings.corrections)
    if out is not None:
        run.settings.to_yaml()
        run.folder = new_folder(Path(out))
    if progress:
        announce(run, solver)
    return _train(run)


def _start_of(initializer: Any, callbacks: Sequence[pl.Callback]) -> tuple[Any, list[pl.Callback]]:
    """A callback that says where to start from says it for the configuration and record too."""
    starts = [c.initializer for c in callbacks if isinstance(c, Initialize)]
    others = [c for c in callbacks if not isinstance(c, Initialize)]
    if len(starts) + (initializer != DEFAULT_NAMES["initializer"]) > 1:
        raise ValueError(
            f"initializer={initializer!r} and {len(starts)} callback(s) Initialize: training "
            "starts from one initializer; give it once."
        )
    return (starts[0] if starts else initializer), others


def resume(
    folder: str | Path,
    problem: Problem | None = None,
    parts: Mapping[str, Any] | None = None,
    *,
    progress: bool = False,
    callbacks: Sequence[pl.Callback] = (),
    **options: Any,
) -> Solution:
    """Goes on where a run stopped, in its folder.

    Args:
        folder: A run folder.
        problem: As for :func:`load`.
        parts: As for :func:`load`.
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
    run = _rebuild(settings, problem, parts or {})
    run.folder, run.callbacks, run.progress = folder, tuple(callbacks), progress
    record = folder / RECORD  # it may be missing where Ctrl-C came while results were written
    return _train(run, read_checkpoint(folder), Record.load(record) if record.exists() else None)


def load(
    folder: str | Path,
    problem: Problem | None = None,
    parts: Mapping[str, Any] | None = None,
) -> Solution:
    """Gives back the solution of a run folder.

    Args:
        folder: A run folder.
        problem: The problem, if the run did not take it from the catalogue or a file.
        parts: Objects that the run was given in place of names, by kind: ``{"network": module}``.

    Returns:
        The solution, with its record.

    Raises:
        ValueError: The folder is not a run, its checkpoint is damaged, or belongs to another
            problem.
    """
    folder = Path(folder)
    record = Record.load(folder / RECORD)
    run = _rebuild(read_settings(folder), problem, parts or {})
    checkpoint = read_checkpoint(folder)
    return Solution(restored(run, checkpoint), record, folder)


def _train(
    run: Run, checkpoint: dict[str, Any] | None = None, earlier: Record | None = None
) -> Solution:
    finished = [] if checkpoint is None else checkpoint["pdenet"]["finished_fits"]
    fits = chain(run, finished, checkpoint)
    if run.folder is not None:
        saved = fits[-1].checkpoint
        saved["pdenet"]["finished_fits"] = [f.finished() for f in fits[:-1]]
        write_state(run.folder, run.settings, saved)
    residuals = joined(run.problem, fits)
    solution = Solution(residuals, outcome(run, fits, residuals, earlier), run.folder)
    if run.folder is not None:
        write_results(run.folder, solution)
    return solution


def _rebuild(settings: Settings, problem: Problem | None, given: Mapping[str, Any]) -> Run:
    try:
        if problem is None:
            parameters = dict(settings.problem)
            problem = find(parameters.pop("name")).build(**parameters)
        parts = {k: Part.parse(k, given.get(k, getattr(settings, k))) for k in PARTS}
    except ValueError as error:
        raise ValueError(
            f"{error} What the run was given as an object is to be given again: "
            'load(folder, problem=..., parts={"network": ...}).'
        ) from error
    return Run(problem, parts, settings)
