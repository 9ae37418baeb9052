"""How many random features to start from, of what range, at how many points."""

from __future__ import annotations

from typing import Any

from pdenet.frequencies import frequencies
from pdenet.problem import Problem
from pdenet.solvers.features.grading import is_rectangle
from pdenet.solvers.features.trials import Trial

FIRST_WIDTH = {1: 60, 2: 200, 3: 500}
MORE_WIDTH = 1000  # in more than three dimensions
# Of a patch in local coordinates: features, and their ranges in space and in time.
LOCAL_WIDTH = {1: 120, 2: 60}  # by axes
LOCAL_RANGE, LOCAL_TIME_RANGE = {1: 2.5, 2: 2.0}, 1.5
POINTS_EACH = 3  # points a feature: fewer fit the points, more cost time
BOUNDARY_EACH = 8
SMOOTH = 1.5  # radians per half length; what varies less, such as a decay, needs as many
REACH = 1.3  # of the data's frequency: the typical one is not the highest

# By axes: the first patches that are tried; more follow if need be.
LOCAL = {
    1: Trial(width=768, stretch=2.0, patches=48),
    2: Trial(width=LOCAL_WIDTH[2] * 4**2, patches=4, axes=2),
}


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
