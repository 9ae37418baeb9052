"""Lift and distance of one component: chosen by the domain's shape, then tried at points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pdenet.conditions import Dirichlet, Initial, Neumann
from pdenet.problem import Problem
from pdenet.solvers.hard.box import on_box
from pdenet.solvers.hard.lifts import Form
from pdenet.solvers.hard.parts import Component, Constraint, RefusedError, constraints, is_box
from pdenet.solvers.hard.shape import on_shape
from pdenet.solvers.hard.trial import Trial


@dataclass(frozen=True)
class Ansatz:
    """``lift + distance * network``, and in words how it imposes each condition."""

    form: Form
    how: Mapping[str, str]


def build_ansatz(problem: Problem, component: Component, names: Sequence[str]) -> Ansatz:
    """Finds the form that imposes all named conditions on a component.

    Args:
        problem: The problem.
        component: The component.
        names: Dirichlet, Initial and Neumann conditions.

    Returns:
        The form; an empty one where no condition names the component's field.

    Raises:
        RefusedError: A condition cannot be imposed.
    """
    given = constraints(problem, component, names, (Dirichlet, Initial))
    slopes = constraints(problem, component, names, (Neumann,))
    _check_clamped(component, given, slopes)
    if not given:
        return Ansatz(Form(None, None), {})
    trial = Trial(problem, component, given)
    form = (on_box if is_box(problem.domain) else on_shape)(problem, given, slopes, trial)
    for constraint in given:
        trial.check_value(form, constraint)
    for constraint in slopes:
        trial.check_slope(form, constraint)
    clamped = {c.condition: f"by a factor that vanishes twice on {c.part.label}" for c in slopes}
    return Ansatz(form, {c.condition: _how(c) for c in given} | clamped)


def _how(constraint: Constraint) -> str:
    factor = f"by a factor that vanishes on {constraint.part.label}"
    zero = constraint.value == 0 and not constraint.rate
    return factor if zero else f"{factor} and a lift that takes its values there"


def _check_clamped(
    component: Component, given: Sequence[Constraint], slopes: Sequence[Constraint]
) -> None:
    parts = [constraint.part for constraint in given]
    for slope in slopes:
        # Regions are equal by value; a union of parts counts if each of its pieces is there.
        pieces = {piece for part in parts for piece in part.pieces()}
        if slope.part not in parts and not pieces.issuperset(slope.part.pieces()):
            raise RefusedError(
                f"a normal derivative can be imposed only where the value of {component.field} is",
                slope.condition,
            )
