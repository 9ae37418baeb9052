"""Fits that follow one another: windows of time, and in each a network and its corrections."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from pdenet.conditions import Initial
from pdenet.geometry import Points
from pdenet.problem import Problem
from pdenet.record import Curve
from pdenet.residuals import Residuals
from pdenet.run.fit import Fit, fit
from pdenet.run.march import Windows, continuation, extrapolated, window_edges
from pdenet.run.setup import Run
from pdenet.solvers import PINN, Solver, plain_residuals


def chain(
    run: Run, finished: Sequence[dict[str, Any]], checkpoint: dict[str, Any] | None
) -> list[Fit]:
    """Solves a problem fit by fit.

    Args:
        run: The run; its settings say how many windows and corrections.
        finished: What :meth:`~pdenet.run.fit.Fit.finished` gave for fits of an earlier run.
        checkpoint: Where to go on within the first unfinished fit, or None.

    Returns:
        All fits, finished ones with their state alone; fewer than wanted where one broke off, or
        reached the target.

    Raises:
        ValueError: The problem has no time, or the solver takes no corrections.
    """
    fits: list[Fit] = []
    edges = window_edges(run.problem, run.windows)
    for number, (start, end) in enumerate(itertools.pairwise(edges)):
        link = _window(run, fits, number, start, end)
        for correction in range(1 + run.settings.corrections):
            if correction:
                link = link.correcting(fits[-1].solver)
            if len(fits) < len(finished):
                fits.append(_finished(link, finished[len(fits)]))
            else:
                fits.append(fit(link, checkpoint))
                checkpoint = None
            if fits[-1].broken or fits[-1].stopped_by == "interrupted":
                return fits
            if fits[-1].stopped_by == "target":
                break
    return fits


def check_corrections(solver: Solver, corrections: int) -> None:
    """Refuses corrections of what is not trained by residuals.

    Args:
        solver: The first solver.
        corrections: How many corrections.

    Raises:
        ValueError: The solver takes none.
    """
    if corrections and not isinstance(solver, PINN):
        raise ValueError(
            f"--corrections {corrections} train networks on residuals that are left over, which "
            f"{type(solver).__name__} does not; use --solver pinn, or leave them out."
        )


def restored(run: Run, checkpoint: dict[str, Any]) -> Residuals:
    """The network of a run that was saved.

    Args:
        run: The run.
        checkpoint: Its checkpoint.

    Returns:
        Network and problem, windows joined.

    Raises:
        ValueError: The checkpoint belongs to another problem or network.
    """
    last = {**checkpoint, "stopped_by": "interrupted"}
    return joined(run.problem, chain(run, [*checkpoint["pdenet"]["finished_fits"], last], None))


def _window(run: Run, fits: Sequence[Fit], number: int, start: float, end: float) -> Run:
    """The run on one window, from where the last one ended; on the whole where there is one."""
    if run.windows == 1:
        return run.share()
    if not fits:
        return run.share(run.problem.at_time(start, end), number)
    last = fits[-1].solver.residuals
    values = continuation(run.problem, last, start)
    spent = sum(one.seconds.get("training", 0.0) for one in fits)
    link = run.share(run.problem.at_time(start, end, values), number, spent)
    link.near = extrapolated(run.problem, last, start)
    return link


def _finished(link: Run, saved: dict[str, Any]) -> Fit:
    solver = link.build_solver()
    if "pdenet" in saved:  # a checkpoint, which may not belong here, or be of another network
        solver.on_load_checkpoint(saved)
    solver.load_state_dict(saved["state_dict"])
    solver.progress.step = saved.get("steps", solver.progress.step)
    curve, stopped_by = Curve(**saved.get("curve", {})), saved["stopped_by"]
    state = {"state_dict": saved["state_dict"]}
    return Fit(solver, link.place, state, curve, stopped_by, "finished before")


def ends(fits: Sequence[Fit]) -> list[Fit]:
    """The last fit of each window: its network holds those that it corrects.

    Args:
        fits: All fits, in their order.

    Returns:
        One fit a window.
    """
    return list({one.place[0]: one for one in fits}.values())


def joined(problem: Problem, fits: Sequence[Fit]) -> Residuals:
    """The whole problem with the networks of all its windows.

    Args:
        problem: The whole problem.
        fits: All fits.

    Returns:
        Residuals whose network is that of each point's window.
    """
    last = ends(fits)
    residuals = [plain_residuals(one.solver.residuals) for one in last]
    if len(last) == 1:
        return residuals[0]
    edges = [later.solver.problem.domain.bounds["t"][0] for later in last[1:]]
    column = problem.coordinates.index("t")
    model = Windows([r.model for r in residuals], edges, column)
    trained = {name for r in residuals for name in r.conditions}
    whole = Residuals(problem, model, set(problem.conditions) - trained)
    whole.unknowns = residuals[-1].unknowns
    return whole


def joined_points(fits: Sequence[Fit]) -> dict[str, Points]:
    """The last training points of the windows that were trained now.

    Later windows start from values of earlier networks, which the problem does not know: points at
    their starts are left out.

    Args:
        fits: All fits.

    Returns:
        Points by condition.
    """
    points: dict[str, list[Points]] = {}
    for i, one in enumerate(ends(fits)):
        for name, drawn in one.solver.points.items():
            if i == 0 or not isinstance(one.solver.problem.conditions[name], Initial):
                points.setdefault(name, []).append(drawn)
    return {name: Points.concatenate(parts) for name, parts in points.items()}
