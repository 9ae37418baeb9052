"""What `auto` stands for with the least-squares solver, and whether that solver suits a problem."""

from __future__ import annotations

import weakref
from collections.abc import Callable

from pdenet.linear_fit import is_linear
from pdenet.problem import Problem
from pdenet.selection.parts import Choice
from pdenet.solvers.features import (
    UNSEEN,
    Result,
    best_of,
    check_patches,
    default_features,
    first_patches,
    points_for,
)
from pdenet.solvers.least_squares import LeastSquares

MOST_DIMENSIONS = {True: 3, False: 2}  # of linear problems, and of others
MOST_COLUMNS = 800  # of the first trial, so that it takes no more than a second
# By counting operations, so that every machine chooses the same.
TRIAL_SECONDS, LONGER, BY_PATCHES = 1.0, 8.0, 14.0
UNCLEAR = 0.01  # of the residual; whether more features go on lowering it takes a longer trial
LOST = {True: 0.5, False: 1e-3}  # of the residual; it may still fall, but nothing says so
CLOSE = 1e-2  # the same of patches, whose residual is largest where they are about to be cut
PROMISING = 1e-6  # a residual that has fallen so far needs no further gain

_TRIED: weakref.WeakKeyDictionary[Problem, str] = weakref.WeakKeyDictionary()


def why_features(problem: Problem) -> str:
    """Why random features and least squares suit a problem: a trial goes well.

    Args:
        problem: The problem.

    Returns:
        The reason in words; empty where they do not suit it.
    """
    if problem not in _TRIED:
        _TRIED[problem] = _tried(problem)
    return _TRIED[problem]


def _tried(problem: Problem) -> str:
    d = problem.domain.dimension
    if problem.inputs or not problem.conditions or d > max(MOST_DIMENSIONS.values()):
        return ""
    linear = is_linear(problem)
    width = default_features(problem)["width"] * problem.outputs
    if d > MOST_DIMENSIONS[linear] or (not linear and width > MOST_COLUMNS):
        return ""
    try:
        ended, results = _trial(problem, TRIAL_SECONDS)
        if ended == "max-seconds" and _unclear(problem, results, linear):
            ended, results = _trial(problem, BY_PATCHES if _cuttable(problem) else LONGER)
    except (ValueError, RuntimeError):  # a trial must not end a run
        return ""
    best = best_of(results)
    stuck = ended == "no-progress" and best.residual > PROMISING
    # As of an eigenvalue problem, which zero solves.
    trivial = all(result.rank == 0 for result in results)
    lost = LOST[linear] if best.trial.axes == 1 else max(CLOSE, LOST[linear])
    if stuck or trivial or best.residual > lost:
        return ""
    kind = "linear" if linear else "not linear but smooth" if best.trial.axes == 1 else "not linear"
    cut = "" if best.trial.axes == 1 else " in patches of the rectangle"
    return (
        f"since the problem is {kind}, and a trial of {best.columns} random features{cut} left "
        f"{best.residual:.0e} of the residual"
    )


def _unclear(problem: Problem, results: list[Result], linear: bool) -> bool:
    """Whether a longer trial may tell more: features still converge, or patches may."""
    if UNCLEAR < best_of(results).residual <= LOST[linear]:
        return True
    return _cuttable(problem) and best_of(results).residual > UNSEEN[2]


def _cuttable(problem: Problem) -> bool:
    """Whether a problem is one of a rectangle that patches can cut."""
    local = first_patches(problem)
    return local is not None and local.axes > 1


def _trial(problem: Problem, seconds: float) -> tuple[str, list[Result]]:
    search = LeastSquares(problem, seconds=seconds).search
    ended, _ = search.run()
    return ended, search.results


def choose_for_features(kind: str, problem: Problem, patches: int = 1) -> Choice:
    """The part that suits the least-squares solver.

    Args:
        kind: network, sampler, optimizer or balance.
        problem: The problem.
        patches: The solver's patches along every space coordinate.

    Returns:
        Its name, its arguments, and the reason.
    """
    check_patches(patches)
    return CHOICES[kind](problem, patches)


def _network(problem: Problem, patches: int) -> Choice:
    arguments = default_features(problem, patches)
    ranges = zip(problem.coordinates, arguments["scale"], strict=True)
    reach = ", ".join(f"{value:g} in {name}" for name, value in ranges)
    where = "a little beyond those of the data" if patches == 1 else "in coordinates of each patch"
    return (
        "random-features",
        arguments,
        (
            f"{arguments['width']} to start with, of frequencies up to {reach} (radians per half "
            f"length), {where}"
        ),
    )


def _sampler(problem: Problem, patches: int) -> Choice:
    width = default_features(problem, patches)["width"]
    inside, edge = points_for(width, problem, patches)
    reason = f"{inside} even points to start with, in proportion to the features"
    return "sobol", {"points": inside, "boundary_points": edge, "every": None}, reason


def _optimizer(problem: Problem, patches: int) -> Choice:
    return "none", {}, "since the last layer is solved for"


def _balance(problem: Problem, patches: int) -> Choice:
    return "static", {}, "since rows are scaled to count alike"


CHOICES: dict[str, Callable[[Problem, int], Choice]] = {
    "network": _network,
    "sampler": _sampler,
    "optimizer": _optimizer,
    "balance": _balance,
}
