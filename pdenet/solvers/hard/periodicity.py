"""Periodic conditions as a periodic embedding, and data that fit it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor

from pdenet.conditions import Dirichlet, Initial, Neumann, Periodic, Value
from pdenet.problem import Problem
from pdenet.solvers.hard.lifts import Known, formula
from pdenet.solvers.hard.parts import Component, Constraint, RefusedError, constraints, whole_faces
from pdenet.solvers.hard.trial import spread

# A kink below this part of the data's own derivative is smaller than any error we reach: tails of
# a soliton, cut off by the domain, jump by 1e-6.
KINK = 1e-5


def plan_periodic(
    problem: Problem, names: Collection[str], embedding: bool
) -> dict[str, tuple[str, float]]:
    """Coordinate and period of each periodic condition.

    Args:
        problem: The problem.
        names: The periodic conditions to impose.
        embedding: Whether inputs may be replaced by periodic ones.

    Returns:
        Coordinate and period by condition.

    Raises:
        RefusedError: A condition cannot be imposed by an embedding.
    """
    found = {}
    for name in names:
        condition = problem.conditions[name]
        assert isinstance(condition, Periodic)
        if not embedding:
            raise RefusedError("the network is a module whose inputs stay as they are", name)
        along = condition.coordinate
        low, high = problem.domain.bounds[along]
        faces = [whole_faces(part, problem.domain) for part in (condition.on, condition.to) if part]
        if {face.coordinate for group in faces for face in group or ()} != {along} or None in faces:
            raise RefusedError(f"it does not join the two whole faces across {along}", name)
        found[name] = (along, high - low)
    _check_all_fields(problem, found)
    return found


def _check_all_fields(problem: Problem, found: Mapping[str, tuple[str, float]]) -> None:
    for name, (along, _) in found.items():
        covered = {
            field
            for other, (coordinate, _) in found.items()
            if coordinate == along
            for field in problem.conditions[other].fields  # type: ignore[attr-defined]
        }
        left = [field for field in problem.shapes if field not in covered]
        if left:
            raise RefusedError(
                f"an embedding of {along} would make {', '.join(left)} periodic as well", name
            )


def check_periodic_data(
    problem: Problem,
    component: Component,
    names: Collection[str],
    periodic: Mapping[str, tuple[str, float]],
) -> None:
    """Refuses data that are not as smooth across a period as the solution is to be.

    Imposed start data keep their kinks for all times; the network, smooth and periodic, cannot
    take them away (the residual then has a floor that no training lowers).

    Args:
        problem: The problem.
        component: The component whose data are looked at.
        names: Conditions that are to be imposed.
        periodic: Coordinate and period by periodic condition.

    Raises:
        RefusedError: Data are not periodic, or lie on a face across the period.
    """
    for constraint in constraints(problem, component, names, (Dirichlet, Initial, Neumann)):
        for along, period in dict(periodic.values()).items():
            order = max(
                problem.conditions[name].order  # type: ignore[attr-defined]
                for name, (coordinate, _) in periodic.items()
                if coordinate == along
            )
            faces = whole_faces(constraint.part, problem.domain) or ()
            if along in {face.coordinate for face in faces}:
                raise RefusedError(
                    f"{component.field} is periodic along {along}, across this part",
                    constraint.condition,
                )
            _check_jumps(problem, constraint, along, period, order)


def _check_jumps(
    problem: Problem, constraint: Constraint, along: str, period: float, order: int
) -> None:
    points = constraint.part.sample(64, seed=0)
    inside = {name: points[name] for name in points.coordinates}
    low = torch.full_like(points.x[:, 0], problem.domain.bounds[along][0])
    for value in (constraint.value, constraint.rate):
        if value is None or not callable(value):
            continue
        sizes = [d.abs().max() for d in _derivatives(value, inside, along, order)]
        here = _derivatives(value, {**inside, along: low}, along, order)
        there = _derivatives(value, {**inside, along: low + period}, along, order)
        for k, (a, b) in enumerate(zip(here, there, strict=True)):
            jump = float((a - b).abs().max())
            # Lower derivatives count as well: round-off of a constant is no kink.
            if jump > KINK * float(torch.stack(sizes[: k + 1]).max()):
                what = "it" if k == 0 else "its slope" if k == 1 else f"its derivative {k}"
                raise RefusedError(
                    f"{what} jumps by {jump:.2g} across the period of {along}, and imposed data "
                    "would keep that jump for ever",
                    constraint.condition,
                )


def _derivatives(value: Value, known: Known, along: str, order: int) -> Sequence[Tensor]:
    """The value's derivatives along a coordinate, from order zero, each of shape (n,)."""
    x = known[along].detach().clone().requires_grad_()
    found = [spread(formula(value)({**known, along: x}), known)]
    for _ in range(order):
        if not found[-1].requires_grad:
            found.append(torch.zeros_like(x))
            continue
        (gradient,) = torch.autograd.grad(
            found[-1].sum(), x, create_graph=True, allow_unused=True, materialize_grads=True
        )
        found.append(gradient)
    return [d.detach() for d in found]
