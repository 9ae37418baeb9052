"""The form of a component on a box: interpolation of face values, product of face distances."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from pdenet.problem import Problem
from pdenet.solvers.hard.lifts import (
    MOST_CORRECTIONS,
    Face,
    Form,
    Formula,
    TooManyDirectionsError,
    box_distance,
    from_start,
    on_face,
    transfinite,
    zero,
)
from pdenet.solvers.hard.parts import Constraint, RefusedError, whole_faces
from pdenet.solvers.hard.trial import Trial, derivative, spread

Data = Mapping[Face, Constraint]


def on_box(
    problem: Problem, given: Sequence[Constraint], slopes: Sequence[Constraint], trial: Trial
) -> Form:
    """The form that takes given values and slopes on whole faces of a box.

    Args:
        problem: The problem, on a box.
        given: Values, and rates at the first time.
        slopes: Normal derivatives, on faces whose values are given.
        trial: Points at which data are compared.

    Returns:
        The form; slopes are right if the lift has them, which is left to be tried.

    Raises:
        RefusedError: A part is not made of whole faces, or data disagree where faces meet.
    """
    data = _by_face(problem, given, trial)
    for (a, first), (b, second) in itertools.combinations(data.items(), 2):
        if a.coordinate != b.coordinate:
            _check_edge(a, first, b, second, trial)
    powers = {face: 1 if c.rate is None else 2 for face, c in data.items()}
    for slope in slopes:
        powers |= dict.fromkeys(_faces(problem, slope), 2)
    return Form(_lift(data, trial), box_distance(powers))


def _lift(data: Data, trial: Trial) -> Formula | None:
    values = {face: on_face(c.value, face) for face, c in data.items()}
    numbers = {c.value for c in data.values() if not callable(c.value) and not c.rate}
    if len(numbers) == 1 and not any(callable(c.value) or c.rate for c in data.values()):
        (number,) = numbers
        return None if number == 0 else lambda known: number
    start = next((face for face in data if face.coordinate == "t" and face.side == 0), None)
    both = {face.coordinate for face in data if face.opposite in data}
    base = zero
    if start is not None and "t" not in both:
        base = from_start(start, data[start].value, data[start].rate)
        del values[start]
    try:
        return transfinite(base, values, trial.points, trial.round_off)
    except TooManyDirectionsError:
        last = [c.condition for c in reversed(list(data.values()))]
        raise RefusedError(
            f"its values differ along more than {MOST_CORRECTIONS} directions, and interpolation "
            "between so many faces costs too much",
            *dict.fromkeys(last),
        ) from None


def _by_face(problem: Problem, given: Sequence[Constraint], trial: Trial) -> dict[Face, Constraint]:
    """Constraints by face, time first: starts then need no correction at the walls."""
    data: dict[Face, Constraint] = {}
    for constraint in given:
        for face in _faces(problem, constraint):
            if face not in data:
                data[face] = constraint
                continue
            known, other = face.restrict(trial.points), data[face]
            gap = trial.differ(
                *(spread(on_face(c.value, face)(known), known) for c in (other, constraint))
            )
            if gap:
                raise RefusedError(
                    f"it disagrees with {other.condition!r} on {face} by {gap:.2g}",
                    constraint.condition,
                    other.condition,
                )
            if data[face].rate is None:
                data[face] = constraint
    order = sorted(data, key=lambda face: (face.coordinate != "t", face.coordinate, face.side))
    return {face: data[face] for face in order}


def _faces(problem: Problem, constraint: Constraint) -> tuple[Face, ...]:
    faces = whole_faces(constraint.part, problem.domain)
    if faces is None:
        raise RefusedError(
            f"{constraint.part.label} is not made of whole faces of the box", constraint.condition
        )
    if constraint.rate is not None and any(f.coordinate != "t" or f.side == 1 for f in faces):
        raise RefusedError(
            f"rates are given on {constraint.part.label}, which is not the start",
            constraint.condition,
        )
    return faces


def _check_edge(a: Face, first: Constraint, b: Face, second: Constraint, trial: Trial) -> None:
    """Refuses data that disagree where two faces meet."""
    edge = b.restrict(a.restrict(trial.points))
    ends = ((first, a), (second, b))
    gap = trial.differ(*(spread(on_face(c.value, face)(edge), edge) for c, face in ends))
    if not gap and first.rate is not None:
        # The wall's value at the first time must also move as the start says.
        rate = derivative(on_face(second.value, b), edge, a.coordinate)
        gap = trial.differ(rate, spread(on_face(first.rate, a)(edge), edge))
    if gap:
        starts, walls = (first, second) if a.coordinate == "t" else (second, first)
        raise RefusedError(
            f"{starts.condition!r} and {walls.condition!r} disagree by {gap:.2g} where {a} meets "
            f"{b}",
            starts.condition,
            walls.condition,
        )
