"""`auto`: what is chosen for a problem, with the reason in words."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from pdenet.frequencies import frequencies
from pdenet.problem import Problem
from pdenet.selection.energies import choose_for_energies
from pdenet.selection.features import CHOICES, choose_for_features, why_features
from pdenet.selection.operators import choose_for_operators
from pdenet.selection.optimizers import choose_optimizer, count_parameters
from pdenet.selection.parts import AUTO, DEFAULT_NAMES, Choice, Part
from pdenet.solvers.hard import plan_hard_conditions

# On Allen-Cahn with a trained start a weight of 1 leaves the wrong branch to be found first.
TRAINED_WEIGHT = 100.0

# In five and ten dimensions too: Levenberg-Marquardt, for which 48 is too wide, reaches in ten
# seconds what Adam and a quasi-Newton method reach with 48 in a minute.
WIDTH = 24

# A cube's faces share the boundary's points: on poisson-nd few are fitted while values between them
# stay wrong, in five and in ten dimensions.
LOW, FACE_POINTS = 3, 100

# Radians per half length: on wave-1d (8.4) and heat-multiscale (31) sines beat tanh by far.
FAST = 8.0


def choose(
    problem: Problem, parts: Mapping[str, Part], precision: int = 64, corrected: bool = False
) -> tuple[dict[str, Part], list[str]]:
    """Resolves every `auto` for a problem.

    Args:
        problem: The problem.
        parts: Part by kind.
        precision: Bits of the floating point numbers.
        corrected: Whether further networks correct the first.

    Returns:
        Concrete parts by kind, and what was chosen and why, one sentence each.
    """
    chosen, reasons = {}, []
    given = {k: ("" if p.given is not None else p.name, p.arguments) for k, p in parts.items()}
    asked = asked_for(given, precision, corrected)
    for kind, part in parts.items():
        # An initializer is tried out when the rest is known.
        if part.given is not None or part.name != "auto" or kind == "initializer":
            chosen[kind] = part
            continue
        solver = chosen["solver"].concrete if "solver" in chosen else ""
        patches = chosen["solver"].arguments.get("patches", 1) if solver else 1
        name, arguments, reason = automatic(kind, problem, solver, asked, patches)
        if kind == "optimizer" and solver == "pinn" and not problem.inputs and not part.arguments:
            name, arguments, reason = _optimizer_by_size(problem, chosen)
        chosen[kind] = Part(kind, name, {**arguments, **part.arguments})
        reasons.append(f"{kind}: {name}, {reason}")
    if "sampler" in parts and "optimizer" in chosen:
        chosen["sampler"] = _as_often(chosen["sampler"], parts["sampler"], chosen["optimizer"])
    return chosen, reasons


def _optimizer_by_size(problem: Problem, chosen: Mapping[str, Part]) -> Choice:
    """The optimizer for the network and the points that were chosen."""
    network, sampler = (chosen.get(k, Part(k, AUTO[k])) for k in ("network", "sampler"))
    if sampler.given is not None:
        points = sampler.given.points
    else:
        points = int(sampler.describe()["points"])
    # As many equations as outputs is the rule.
    rows = points * problem.outputs
    return choose_optimizer(count_parameters(network.build(), problem), rows)


def _as_often(sampler: Part, asked: Part, optimizer: Part) -> Part:
    """The sampler, with fresh points as often as few and costly steps need them."""
    # A stage of deep adaptive sampling is a training to its end, and costs a fit of the flow.
    if asked.given is not None or "every" in asked.arguments or sampler.concrete == "das":
        return sampler
    every, phases = sampler.describe().get("every"), optimizer.build()
    if every is None or not phases:
        return sampler
    first = phases[0]
    wanted = first.resample_every if first.consumes == "jacobian" else None
    if wanted is None or wanted >= every:
        return sampler
    return replace(sampler, arguments={**sampler.arguments, "every": wanted})


FITTING = {
    "network": ("random-features",),
    "sampler": ("uniform", "sobol", "latin-hypercube", "stratified", "quadrature", "determinantal"),
    "optimizer": ("none",),
    "balance": (),
}
"""Names of parts that the least-squares solver takes too."""


def asked_for(
    given: Mapping[str, tuple[str, Collection[str]]], precision: int = 64, corrected: bool = False
) -> str:
    """What a user asked for that only training by steps has.

    Args:
        given: Name and names of arguments of each part, by kind; an empty name for ready objects.
        precision: Bits of the floating point numbers.
        corrected: Whether further networks correct the first.

    Returns:
        Its kind; empty where there is nothing of the sort.
    """
    if precision != 64:
        return "precision"
    if corrected:
        return "correction"
    for kind, (name, arguments) in given.items():
        plain = name == DEFAULT_NAMES[kind] and set(arguments) <= {"width", "points"}
        if kind != "solver" and not plain and name not in FITTING.get(kind, ()):
            return kind
    return ""


def takes_initializer(solver: Callable[..., Any]) -> bool:
    """Whether a solver trains a network from a start that can be chosen."""
    return "initializer" in inspect.signature(solver).parameters


def automatic(
    kind: str, problem: Problem, solver: str, asked: str = "", patches: int = 1
) -> Choice:
    """What `auto` stands for with a problem.

    Args:
        kind: solver, network, sampler, optimizer, balance.
        problem: The problem.
        solver: The solver, once it is chosen.
        asked: What :func:`asked_for` found.
        patches: The solver's patches, where it has some.

    Returns:
        Name, arguments, and the reason in words.
    """
    if kind == "solver" and not problem.has_equations:
        return "deep-ritz", {}, "since the problem is given by what its solution minimizes"
    if solver == "deep-ritz" and (choice := choose_for_energies(kind, problem)):
        return choice
    if solver == "least-squares" and kind in CHOICES:
        return choose_for_features(kind, problem, patches)
    if problem.inputs:
        return choose_for_operators(kind, problem)
    if kind == "solver" and asked:
        return AUTO[kind], {}, f"since the {asked} was asked for"
    if kind == "solver" and (reason := why_features(problem)):
        return "least-squares", {}, reason
    return AUTO[kind], *_AUTOMATIC[kind](problem)


def _solver(problem: Problem) -> tuple[dict[str, Any], str]:
    return {}, "since the problem is given by residuals"


def _network(problem: Problem) -> tuple[dict[str, Any], str]:
    reason = f"{WIDTH} wide and 3 deep: one or two thousand parameters suit second-order methods"
    fastest = max(frequencies(problem).items(), key=lambda item: item[1])
    if fastest[1] >= FAST:
        reason += (
            f"; the data vary at {fastest[1]:.0f} radians per half length of {fastest[0]}: should "
            "training stall, try --network siren, or --windows where that is time"
        )
    return {"width": WIDTH, "depth": 3}, reason


def _sampler(problem: Problem) -> tuple[dict[str, Any], str]:
    d = problem.domain.dimension
    points = {1: 256, 2: 3000}.get(d, 4000)
    moved = f"{points} points in {d} dimension{'s' * (d > 1)}, moved to where residuals are large"
    if d <= LOW:
        return {"points": points, "every": 100}, moved
    edge = FACE_POINTS * 2 * d
    return {"points": points, "boundary_points": edge, "every": 100}, (
        f"{moved}; {edge} on the boundary, a cube of which has {2 * d} faces"
    )


def _optimizer(problem: Problem) -> tuple[dict[str, Any], str]:
    return {"adam_steps": 400}, (
        "since Adam finds the basin and a self-scaled quasi-Newton method converges in it"
    )


def _balance(problem: Problem) -> tuple[dict[str, Any], str]:
    imposed = plan_hard_conditions(problem).imposed
    inside = problem.domain.dimension
    trained = [
        name
        for name, condition in problem.conditions.items()
        if name not in imposed and condition.on.dimension < inside
    ]
    if not trained:
        return {}, "since all boundary and initial values are imposed exactly"
    return {"weights": dict.fromkeys(trained, TRAINED_WEIGHT)}, (
        f"{TRAINED_WEIGHT:g} times the equation's weight on {', '.join(trained)}, since errors "
        "there spread everywhere"
    )


_AUTOMATIC: dict[str, Callable[[Problem], tuple[dict[str, Any], str]]] = {
    "solver": _solver,
    "network": _network,
    "sampler": _sampler,
    "optimizer": _optimizer,
    "balance": _balance,
}
