"""Whether fronts and waves on an interval are followed by patches, window of time by window."""

from __future__ import annotations

import math
import weakref
from collections.abc import Mapping

from pdenet.problem import Problem
from pdenet.selection.choice import asked_for
from pdenet.selection.features import why_features
from pdenet.selection.parts import Part
from pdenet.solvers.features import best_of
from pdenet.solvers.least_squares import LeastSquares

# Seconds buy patches first, which most problems converge by, until there are enough: then windows
# of half the length with half as many have less error. Of fast waves, such as chaos, they leave a
# small part of the residual, whatever the patches.
FEWEST_WINDOWS, MOST_WINDOWS = 10, 80
FINE, LESS = 1e-6, 0.1
FEWEST, ENOUGH, MOST = 12, 36, 96  # patches
PATCH_SECONDS = 0.0105  # of one core, for a patch in one window, of each of a field's derivatives
FIELDS_POWER = 2.5  # more fields are more rows, of more columns each
CLOSE = 1e-2  # of the residual, in the first window with few patches
SECONDS = 120.0  # to plan for, where there is no limit

_TRIED: weakref.WeakKeyDictionary[Problem, tuple[int, str]] = weakref.WeakKeyDictionary()


def cut_time(
    problem: Problem,
    parts: Mapping[str, Part],
    seconds: float | None,
    precision: int = 64,
    corrected: bool = False,
) -> tuple[int, int, str]:
    """Windows of time, and patches in each, that suit a problem.

    Args:
        problem: The problem.
        parts: Part by kind, as they were asked for.
        seconds: Training seconds; two minutes are planned for where they have no limit.
        precision: Bits of the floating point numbers.
        corrected: Whether further networks correct the first.

    Returns:
        Number of windows, patches along the interval, and the reason in words; 1, 1 and nothing
        where time is not cut, or too few seconds are allowed.
    """
    given = {k: ("" if p.given is not None else p.name, p.arguments) for k, p in parts.items()}
    solver, each = parts["solver"], _patch_seconds(problem)

    def afforded(windows: int) -> int:
        return min(MOST, int((SECONDS if seconds is None else seconds) / (each * windows)))

    free = solver.given is None and solver.name == "auto" and not solver.arguments
    short = afforded(FEWEST_WINDOWS) < FEWEST
    if not free or short or asked_for(given, precision, corrected) or not _evolves(problem):
        return 1, 1, ""
    if why_features(problem):  # waves of the whole domain do
        return 1, 1, ""
    if problem not in _TRIED:
        _TRIED[problem] = _tried(problem)
    tried, reason = _TRIED[problem]
    windows = tried
    while windows > FEWEST_WINDOWS and afforded(windows) < FEWEST:
        windows //= 2
    while 2 * windows <= MOST_WINDOWS and afforded(2 * windows) >= ENOUGH:
        windows *= 2
    return windows, afforded(windows), reason


def _patch_seconds(problem: Problem) -> float:
    derivatives = max(len(problem.layout(name).channels) for name in problem.conditions)
    return PATCH_SECONDS * derivatives * problem.outputs**FIELDS_POWER


def _evolves(problem: Problem) -> bool:
    """Whether a problem is one of an interval and time, which can be cut, and nothing else."""
    space = [name for name in problem.coordinates if name != "t"]
    if problem.inputs or problem.unknowns or not problem.has_equations or len(space) != 1:
        return False
    if problem.domain.time is None or any(c.integral for c in problem.conditions.values()):
        return False
    try:
        _first(problem, FEWEST_WINDOWS)
    except ValueError:
        return False
    return True


def _first(problem: Problem, windows: int) -> Problem:
    low, high = problem.domain.bounds["t"]
    return problem.at_time(low, low + (high - low) / windows)


def _tried(problem: Problem) -> tuple[int, str]:
    """Number of windows, and the reason; 1 and nothing where patches do not do."""
    windows = FEWEST_WINDOWS
    try:
        left = _left(problem, windows)
        while left > FINE and 2 * windows <= MOST_WINDOWS:
            shorter = _left(problem, 2 * windows)
            if shorter > LESS * left:
                break
            windows, left = 2 * windows, shorter
    except (ValueError, RuntimeError):  # a trial must not end a run
        return 1, ""
    if left > CLOSE:
        return 1, ""
    return windows, (
        f"since on the first of {windows} windows of time {FEWEST} patches of random features left "
        f"{left:.0e} of the residual"
    )


def _left(problem: Problem, windows: int) -> float:
    """What few patches leave of the residual in the first window; infinite without convergence."""
    search = LeastSquares(_first(problem, windows), patches=FEWEST, refine=False).search
    search.run()
    best = best_of(search.results)
    return best.residual if best.converged else math.inf
