"""The form of a component on shapes other than boxes: numbers on the boundary, any start."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Sequence
from typing import Any

from pdenet.geometry import Region
from pdenet.problem import Problem
from pdenet.solvers.hard.corners import has_corners
from pdenet.solvers.hard.lifts import (
    Face,
    Form,
    Formula,
    Known,
    box_distance,
    formula,
    from_start,
    on_face,
    product,
)
from pdenet.solvers.hard.parts import Constraint, RefusedError, whole_faces
from pdenet.solvers.hard.trial import Trial, at, spread

TOUCH_SAMPLE = 4096  # enough for some to lie near the point where two parts touch
APART = 1e-2  # of the distances, which are of order one


def on_shape(
    problem: Problem, given: Sequence[Constraint], slopes: Sequence[Constraint], trial: Trial
) -> Form:
    """The form that takes numbers on parts of a boundary, and given values at the first time.

    Args:
        problem: The problem.
        given: Values, and rates at the first time.
        slopes: Normal derivatives, on parts whose values are given.
        trial: Points at which data are compared.

    Returns:
        The form; slopes are right if the lift has them, which is left to be tried.

    Raises:
        RefusedError: A part has no smooth distance, a formula is not meant for the inside, or data
            disagree where parts meet.
    """
    starts = {c: face for c in given if (face := _start(problem, c)) is not None}
    walls = [c for c in given if c not in starts]
    start = next(iter(starts.items()), None)
    for wall in walls:
        _check_wall(wall)
        if _order(problem) > 2 and has_corners(wall.part, problem.domain):
            raise RefusedError(
                f"the distance to {wall.part.label} has corners, too sharp for an equation of "
                "order three or four",
                wall.condition,
            )
        if start is not None:
            _check_start(*start, wall, trial)
    factors = _distances(walls, slopes)
    if start is not None:
        constraint, face = start
        factors.append(box_distance({face: 1 if constraint.rate is None else 2}))
    return Form(_lift(start, walls, trial), _product(factors))


def _lift(
    start: tuple[Constraint, Face] | None, walls: Sequence[Constraint], trial: Trial
) -> Formula | None:
    formulas = [wall for wall in walls if callable(wall.value)]
    if formulas:
        return _extended(start, formulas[0], walls)
    if start is not None:
        # Walls hold numbers, which the start has there too: it needs no correction.
        constraint, face = start
        return from_start(face, constraint.value, constraint.rate)
    if all(wall.value == 0 for wall in walls):
        return None
    return _blend(walls, trial)


def _extended(
    start: tuple[Constraint, Face] | None, wall: Constraint, walls: Sequence[Constraint]
) -> Formula:
    """The formula of the walls, used inside; at the first time, what the start says."""
    for other in walls:
        if other.value is not wall.value:
            raise RefusedError(
                f"{other.condition!r} and {wall.condition!r} have different formulas, and between "
                "parts of this shape there is no interpolation",
                other.condition,
                wall.condition,
            )
    inside = formula(wall.value)
    if start is None:
        return inside
    constraint, face = start
    moves = face.coordinate in inspect.signature(wall.value).parameters  # type: ignore[arg-type]
    if moves and constraint.rate is not None:
        raise RefusedError(
            f"rates cannot be combined with moving values of {wall.condition!r}",
            constraint.condition,
            wall.condition,
        )
    first = from_start(face, constraint.value, constraint.rate)
    there = on_face(wall.value, face)
    return lambda known: inside(known) + (first(known) - there(known))


def _blend(walls: Sequence[Constraint], trial: Trial) -> Formula:
    """Numbers on parts that do not touch, weighted by inverse distances."""
    groups: dict[float, list[Region]] = {}
    for wall in walls:
        groups.setdefault(float(wall.value), []).append(wall.part)  # type: ignore[arg-type]
    if len(groups) == 1:
        (number,) = groups
        return lambda known: number
    for a, b in itertools.permutations(walls, 2):
        known = trial.on(a.part, TOUCH_SAMPLE)
        if a.value != b.value and b.part.distance(**known).min() < APART:
            raise RefusedError(
                f"its number differs from that of {b.condition!r}, which touches {a.part.label}",
                a.condition,
                b.condition,
            )
    numbers = list(groups)

    def blend(known: Known) -> Any:
        distances = [product([p.distance(**known) for p in parts]) for parts in groups.values()]
        weights = [
            product([d for j, d in enumerate(distances) if j != i]) for i in range(len(numbers))
        ]
        weighted = [weight * number for weight, number in zip(weights, numbers, strict=True)]
        return _sum(weighted) / _sum(weights)

    return blend


def _start(problem: Problem, constraint: Constraint) -> Face | None:
    faces = whole_faces(constraint.part, problem.domain) or ()
    if len(faces) == 1 and faces[0].coordinate == "t" and faces[0].side == 0:
        return faces[0]
    if constraint.rate is not None:
        raise RefusedError(
            f"rates are given on {constraint.part.label}, which is not the start",
            constraint.condition,
        )
    return None


def _order(problem: Problem) -> int:
    return max(demand.layout.order for demand in problem.demands.values())


def _check_wall(wall: Constraint) -> None:
    if not wall.part.has_distance:
        raise RefusedError(f"no smooth distance to {wall.part.label} is known", wall.condition)
    if callable(wall.value) and not wall.strict:
        raise RefusedError(
            "its formula would be used inside the domain too, where it may be the solution; say "
            "hard=True to allow that",
            wall.condition,
        )


def _check_start(start: Constraint, face: Face, wall: Constraint, trial: Trial) -> None:
    known = face.restrict(trial.on(wall.part))
    gap = trial.differ(spread(on_face(start.value, face)(known), known), at(wall.value, known))
    if not gap and start.rate is not None and not callable(wall.value):
        rate = spread(on_face(start.rate, face)(known), known)
        gap = trial.differ(rate, 0 * rate)
    if gap:
        raise RefusedError(
            f"{start.condition!r} and {wall.condition!r} disagree by {gap:.2g} where "
            f"{wall.part.label} meets {face}",
            start.condition,
            wall.condition,
        )


def _distances(walls: Sequence[Constraint], slopes: Sequence[Constraint]) -> list[Formula]:
    """One factor a wall, two where its normal derivative is given too."""
    clamped = {piece for slope in slopes for piece in slope.part.pieces()}
    factors = []
    for part in dict.fromkeys(wall.part for wall in walls):
        twice = not clamped.isdisjoint(part.pieces())
        factors += [_distance(part)] * (2 if twice else 1)
    return factors


def _distance(part: Region) -> Formula:
    return lambda known: part.distance(**known)


def _product(factors: Sequence[Formula]) -> Formula:
    return lambda known: product([factor(known) for factor in factors])


def _sum(terms: Sequence[Any]) -> Any:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
