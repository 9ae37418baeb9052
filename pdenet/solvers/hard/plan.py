"""Plans which conditions the network's form satisfies exactly, and how.

Hard conditions gain one to two orders of accuracy over trained ones at equal time, so whatever can
be imposed is imposed, unless the problem says ``hard=False``. What can:

- values on whole faces of a box, also different ones (transfinite interpolation), and start values
  with rates, where data agree at the corners;
- numbers on boundaries of other shapes that have a smooth distance; formulas only with
  ``hard=True``, because a formula is used inside the domain too, where it may be the solution;
- normal derivatives where the value is imposed and its lift has them already (clamped edges);
- periodicity of all fields between opposite faces, by a periodic embedding of the input.

What was planned is tried at points; what does not hold there is trained instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from pdenet.conditions import Dirichlet, Initial, Neumann, Periodic
from pdenet.networks import HardConstraint, Term
from pdenet.problem import Problem
from pdenet.solvers.hard.ansatz import build_ansatz
from pdenet.solvers.hard.lifts import Formula
from pdenet.solvers.hard.parts import RefusedError, components
from pdenet.solvers.hard.periodicity import check_periodic_data, plan_periodic


@dataclass(frozen=True)
class HardPlan:
    """Which conditions are imposed exactly, and by what.

    Args:
        coordinates: Names of the input columns.
        imposed: Names of the conditions that need no training.
        reasons: For every condition that gives values, rates or periodicity: how it is imposed, or
            why not.
        periodic: Period by coordinate, for the embedding.
        lift: For each output, what is added; None for zero.
        distance: For each output, what the network is multiplied by; None for one.
    """

    coordinates: tuple[str, ...]
    imposed: tuple[str, ...]
    reasons: Mapping[str, str]
    periodic: Mapping[str, float]
    lift: tuple[Term, ...]
    distance: tuple[Term, ...]

    def wrap(self, network: nn.Module) -> nn.Module:
        """Puts lifts and distances around a network; the network itself where there are none.

        Args:
            network: Maps (..., coordinates) to (..., outputs).

        Returns:
            A module with the same inputs and outputs.
        """
        if all(term is None for term in (*self.lift, *self.distance)):
            return network
        return HardConstraint(network, self.coordinates, self.lift, self.distance)

    def homogeneous(self) -> HardPlan:
        """The same conditions with zero data: what a correction of a solution satisfies."""
        return replace(self, lift=(None,) * len(self.lift))

    def describe(self) -> str:
        """Says in words what happens to each condition.

        Returns:
            One line a condition.
        """
        return "\n".join(
            f"{name}: {'imposed' if name in self.imposed else 'trained'}, {reason}"
            for name, reason in self.reasons.items()
        )


def plan_hard_conditions(problem: Problem, *, embedding: bool = True) -> HardPlan:
    """Finds the conditions that can be imposed exactly.

    Args:
        problem: The problem.
        embedding: Whether inputs may be replaced by periodic ones; not with a user's own module,
            whose inputs are its own.

    Returns:
        The plan.

    Raises:
        ValueError: A condition with ``hard=True`` cannot be imposed.
    """
    reasons, candidates = {}, []
    for name, condition in problem.conditions.items():
        if not isinstance(condition, Dirichlet | Initial | Neumann | Periodic):
            continue
        if condition.hard is False:
            reasons[name] = "because the problem says hard=False"
        else:
            candidates.append(name)
    while True:
        try:
            return _attempt(problem, candidates, reasons, embedding)
        except RefusedError as refusal:
            name = _give_way(problem, refusal)
            candidates.remove(name)
            reasons[name] = f"because {refusal.reason}"


def _give_way(problem: Problem, refusal: RefusedError) -> str:
    for name in refusal.conditions:
        if problem.conditions[name].hard is not True:
            return name
    raise ValueError(
        f"Condition {refusal.conditions[0]!r} of problem {problem.name!r} says hard=True, but "
        f"{refusal.reason}. Leave hard out, or say hard=False, to train it."
    )


def _attempt(
    problem: Problem, candidates: list[str], reasons: Mapping[str, str], embedding: bool
) -> HardPlan:
    """A plan in which every candidate is imposed."""
    chosen = {name: problem.conditions[name] for name in candidates}
    periodic = plan_periodic(problem, [n for n in chosen if _is_periodic(problem, n)], embedding)
    valued = [n for n in chosen if not _is_periodic(problem, n)]
    ansatz = []
    for component in components(problem):
        check_periodic_data(problem, component, valued, periodic)
        ansatz.append(build_ansatz(problem, component, valued))
    how = {n: f"by a period of {p:g} in {c}" for n, (c, p) in periodic.items()}
    for part in ansatz:
        how |= {n: text for n, text in part.how.items() if n not in how}
    order = problem.conditions
    return HardPlan(
        coordinates=problem.coordinates,
        imposed=tuple(chosen),
        reasons={n: how.get(n, reasons.get(n, "")) for n in order if n in how or n in reasons},
        periodic=dict(periodic.values()),
        lift=tuple(_term(part.form.lift) for part in ansatz),
        distance=tuple(_term(part.form.distance) for part in ansatz),
    )


def _is_periodic(problem: Problem, name: str) -> bool:
    return isinstance(problem.conditions[name], Periodic)


def _term(formula: Formula | None) -> Term:
    if formula is None:
        return None

    def term(**known: Any) -> Any:
        return formula(known)

    return term
