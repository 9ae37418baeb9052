"""How many random features, and of what range: what is tried in turn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from pdenet.frequencies import frequencies
from pdenet.networks import Factory, PatchedFactory, RandomFeatures
from pdenet.problem import Problem
from pdenet.record import StoppedBy
from pdenet.solvers.grading import Edges, is_rectangle

FIRST_WIDTH = {1: 60, 2: 200, 3: 500}
MORE_WIDTH = 1000  # in more than three dimensions
# Of a patch in local coordinates: features, and their ranges in space and in time.
LOCAL_WIDTH = {1: 120, 2: 60}  # by axes
LOCAL_RANGE, LOCAL_TIME_RANGE = {1: 2.5, 2: 2.0}, 1.5
POINTS_EACH = 3  # points a feature: fewer fit the points, more cost time
BOUNDARY_EACH = 8
SMOOTH = 1.5  # radians per half length; what varies less, such as a decay, needs as many
REACH = 1.3  # of the data's frequency: the typical one is not the highest

SATURATED = 0.9  # of the coefficients; features of a wider range still have something to add
LEAST_STRETCH = 1.4
SOLVED = 1e-12  # of the residual at the start; below it round-off is fitted
QUADRUPLE, WORTHWHILE = 4, 0.6  # what four times the coefficients should lower the residual to
OCTUPLE = 8  # the same in a rectangle, where patches are halved some times until they see a peak
OPERATIONS_A_SECOND = 1e10  # of one core of today; too low a guess costs features, not time limits
NEWTON_STEPS = {1: 4, 2: 2}  # by axes: patches of a rectangle start from a good network
POINT_OPERATIONS = 1.3e6  # that rows of a point of a patch are worth, as measured


@dataclass(frozen=True)
class Trial:
    """One size of the network.

    Args:
        width: Features.
        stretch: What the range that was started from is multiplied by.
        patches: Patches along every space coordinate, which share the features.
        axes: Coordinates that are cut into so many patches.
        edges: Of patches of unequal width; empty for equal ones.
    """

    width: int
    stretch: float = 1.0
    patches: int = 1
    axes: int = 1
    edges: Edges = ()


# Of the residual: waves of the whole domain do not see a layer, patches do; nor do they converge
# fast where a rectangle has singular corners or peaks.
UNSEEN = {1: 1e-2, 2: 1e-3}
SLOW = 1 / 3
# By axes: the first patches that are tried; more follow if need be.
LOCAL = {
    1: Trial(width=768, stretch=2.0, patches=48),
    2: Trial(width=LOCAL_WIDTH[2] * 4**2, patches=4, axes=2),
}
CUTS = 2  # further patches along each side of a rectangle, as a rule


@dataclass(frozen=True)
class Result:
    """What a trial came to.

    Args:
        trial: The trial.
        columns: Coefficients.
        rank: Columns that were used.
        numerical_rank: Columns above the cut.
        rows: Rows of the least-squares problem.
        condition: Estimated condition number of what was used.
        residual: Root mean square of the scaled residual at fresh points, over its start value.
        steps: Gauss-Newton steps.
        reason: Why it ended.
        converged: Whether that was a minimum.
    """

    trial: Trial
    columns: int
    rank: int
    numerical_rank: int
    rows: int
    condition: float
    residual: float
    steps: int
    reason: str
    converged: bool

    def plain(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Result:
        """What :meth:`plain` gave."""
        return cls(**{**data, "trial": read_trial(data["trial"])})


def read_trial(data: Mapping[str, Any]) -> Trial:
    """A trial from plain data.

    Args:
        data: Its fields.

    Returns:
        The trial.
    """
    return Trial(**{**data, "edges": tuple(tuple(edges) for edges in data["edges"])})


def best_of(results: Sequence[Result]) -> Result:
    """The result of the least residual; of patches of a rectangle, where there are any."""
    return min(_alike(results), key=lambda result: result.residual)


def _alike(results: Sequence[Result]) -> list[Result]:
    """Results whose residuals are compared: rows of patches of a rectangle are scaled otherwise."""
    axes = max(result.trial.axes for result in results)
    return [result for result in results if result.trial.axes == axes]


def next_trial(
    results: Sequence[Result],
    dimension: int,
    linear: bool,
    seconds: float,
    most_columns: int,
    local: Trial | None = None,
) -> Trial | tuple[StoppedBy, str]:
    """What to try after so many results, or why to stop.

    Features of a wider range where those there were span less than they count; else twice as many.
    Patches where they leave too much of the residual.

    Args:
        results: Those so far, in turn.
        dimension: Of the domain.
        linear: Whether the problem is linear.
        seconds: Training seconds allowed.
        most_columns: Coefficients that fit in memory.
        local: The first patches that may be tried; None where the user asked for a structure.

    Returns:
        The trial; or the kind of the end, and its reason in words.
    """
    best = best_of(results)
    if best.residual <= SOLVED:
        return "converged", f"the residual fell to {best.residual:.0e} of its start: round-off"
    tried = {replace(result.trial, edges=()) for result in results}
    if local is not None and local not in tried and _misses(results, local.axes):
        local_seconds = _cost(local, results, linear)[1]
        if local_seconds <= seconds:
            return local
    alike = _alike(results)
    most = max(result.columns for result in alike)
    factor = QUADRUPLE if best.trial.axes == 1 else OCTUPLE
    small = [result for result in alike if factor * result.columns <= most]
    if small and best.residual > WORTHWHILE * best_of(small).residual:
        return "no-progress", (
            f"{best.columns} coefficients leave {best.residual:.0e} of the residual, and neither "
            "more features nor a wider range lower it much further"
        )
    left = [trial for trial in _candidates(best, dimension) if trial not in tried]
    costs = [_cost(trial, results, linear) for trial in left]
    pairs = list(zip(left, costs, strict=True))
    # Of patches no dense problem is made.
    fitting = [t for t, (columns, _) in pairs if columns <= most_columns or t.patches > 1]
    for trial, (_, needed) in pairs:
        if trial in fitting and needed <= seconds:
            return trial
    if fitting:
        columns, needed = costs[left.index(fitting[0])]
        return "max-seconds", (
            f"a trial of {columns} coefficients would take all trials to about {needed:.0f} s, "
            f"more than {seconds:g}"
        )
    if left:
        return "no-progress", f"{costs[0][0]} coefficients would not fit in memory"
    return "no-progress", (
        f"neither twice as many features nor a wider range lowered the residual of {best.columns} "
        "coefficients"
    )


def _misses(results: Sequence[Result], axes: int) -> bool:
    """Whether features of the whole domain miss what patches may see."""
    best = best_of(results)
    if len(results) < 2 or best.residual <= UNSEEN[axes]:
        return False
    # Smooth solutions of many waves are seen at last, and then converge faster than by patches.
    return axes == 1 or results[-1].residual > SLOW * results[-2].residual


def _candidates(best: Result, dimension: int) -> list[Trial]:
    """Steps from the best trial, the likeliest to pay first."""
    share = best.numerical_rank / best.columns
    # The span of waves grows like the volume of the box that their frequencies fill.
    factor = min(2.0, max(LEAST_STRETCH, (0.97 / max(share, 0.01)) ** (1 / dimension)))
    wider = round(best.trial.stretch * factor, 3)
    twice, trial = 2 * best.trial.width, replace(best.trial, edges=())
    if trial.axes > 1:  # where they are cut is seen when it comes to that
        columns, rows = (len(along) - 1 for along in best.trial.edges)
        width = trial.width // (columns * rows) * (columns + CUTS) * (rows + CUTS)
        return [replace(trial, width=width, patches=max(columns, rows) + CUTS)]
    if trial.patches > 1:
        return [replace(trial, width=twice, patches=2 * trial.patches), replace(trial, width=twice)]
    more, wide = replace(trial, width=twice), replace(trial, stretch=wider)
    first = [more, wide] if share >= SATURATED else [wide, more]
    return [*first, Trial(twice, wider)]


def _cost(trial: Trial, results: Sequence[Result], linear: bool) -> tuple[int, float]:
    """Coefficients of a trial, and the seconds of it and of all before, by counting operations."""
    last = results[-1]
    columns = last.columns * trial.width // last.trial.width
    rows = last.rows * trial.width // last.trial.width
    spent = sum(r.steps * _operations(r.rows, r.columns, r.trial) for r in results)
    steps = 1 if linear else NEWTON_STEPS[trial.axes]
    needed = spent + steps * _operations(rows, columns, trial)
    return columns, needed / OPERATIONS_A_SECOND


def _operations(rows: int, columns: int, trial: Trial) -> float:
    """Floating-point operations of one solve: QR of the rows, pivoted QR of the triangle."""
    patches = trial.patches
    if trial.axes > 1:  # a front holds a row of patches and one more
        made = POINT_OPERATIONS * trial.width / columns  # equations share their points
        return rows * (made + (columns * (patches + 1) / patches**2) ** 2)
    if patches > 1:  # rows touch the columns of two; making them costs as much as their factors
        return 30.0 * rows * (2 * columns / patches) ** 2
    return 2.0 * rows * columns**2 + 4.0 * columns**3


def check_patches(patches: int) -> None:
    """Refuses what is no number of patches.

    Args:
        patches: The number.

    Raises:
        ValueError: It is not a whole number of at least 1.
    """
    if isinstance(patches, bool) or not isinstance(patches, int) or patches < 1:
        raise ValueError(f"patches={patches!r} must be a whole number of at least 1.")


def default_features(problem: Problem, patches: int = 1) -> dict[str, Any]:
    """Width and ranges to start from.

    Args:
        problem: The problem.
        patches: Patches along every space coordinate.

    Returns:
        Keywords of :class:`RandomFeatures`; the ranges reach a little beyond the frequencies of
        the problem's data, those of patches are in local coordinates.
    """
    if patches > 1:
        space = sum(name != "t" for name in problem.coordinates)
        axes = min(2, space)
        reach = LOCAL_RANGE[axes]
        local = [LOCAL_TIME_RANGE if n == "t" else reach for n in problem.coordinates]
        return {"width": LOCAL_WIDTH[axes] * patches**space, "scale": local}
    found = frequencies(problem)
    ranges = [round(REACH * max(found[name], SMOOTH), 2) for name in problem.coordinates]
    return {"width": FIRST_WIDTH.get(problem.domain.dimension, MORE_WIDTH), "scale": ranges}


def points_for(width: int, problem: Problem, patches: int = 1) -> tuple[int, int]:
    """Numbers of points that suit so many features.

    Args:
        width: Features.
        problem: The problem.
        patches: Patches along every space coordinate.

    Returns:
        Points in the interior, and on each region of lower dimension.
    """
    d = problem.domain.dimension
    rows = 1 if is_rectangle(problem) else patches  # in a row, along which boundaries may lie
    edge = BOUNDARY_EACH * rows * (width / rows) ** ((d - 1) / d)
    return POINTS_EACH * width, max(BOUNDARY_EACH, round(edge))


def first_patches(problem: Problem) -> Trial | None:
    """What is tried first where features of the whole domain leave too much.

    Args:
        problem: The problem.

    Returns:
        Patches of an interval or a rectangle; None of others, where rows are sums over all, and
        where fields live in parts of the domain.
    """
    if problem.domain.dimension == 1:
        return LOCAL[1]
    sums = any(condition.integral for condition in problem.conditions.values())
    rectangle = is_rectangle(problem) and not problem.regions
    return LOCAL[2] if rectangle and not sums else None


def rectangular(trial: Trial, edges: Edges) -> Trial:
    """A trial with other patches of a rectangle, each with as many features as before.

    Args:
        trial: Patches of a rectangle.
        edges: The edges of others along both coordinates.

    Returns:
        The trial.
    """
    before, behind = (math.prod(len(along) - 1 for along in e) for e in (trial.edges, edges))
    most = max(len(along) - 1 for along in edges)
    return replace(trial, width=trial.width // before * behind, patches=most, edges=edges)


def width_of(factory: Any) -> int | None:
    """Features of a factory that can be resized; None where it cannot."""
    inner = factory.factory if isinstance(factory, PatchedFactory) else factory
    if isinstance(inner, partial) and inner.func is RandomFeatures and "scale" in inner.keywords:
        return inner.keywords.get("width")
    return None


def resized(factory: Any, trial: Trial, first: Trial) -> Factory:
    """A factory of random features with another width and range.

    Args:
        factory: One that :func:`width_of` knows.
        trial: Width, and what its range is multiplied by.
        first: The first trial: patches that come after features of the whole rectangle have a
            range of their own.

    Returns:
        The factory.
    """
    if isinstance(factory, PatchedFactory):
        return replace(factory, factory=resized(factory.factory, trial, first))
    local = trial.axes > 1 and first.patches == 1
    scale = LOCAL_RANGE[2] if local else factory.keywords["scale"]
    ranges = [scale] if isinstance(scale, int | float) else list(scale)
    stretched = [trial.stretch * value for value in ranges]
    wide = stretched[0] if isinstance(scale, int | float) else stretched
    return partial(factory, width=trial.width, scale=wide)
