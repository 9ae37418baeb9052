"""Whether the parts of a problem fit each other; each check says what is wrong, and a fix."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

import torch

from pdenet.conditions import Condition, Dirichlet, Initial, Neumann, Value, prescribed_values
from pdenet.energy import Functional
from pdenet.functions import InputFunction
from pdenet.geometry import Domain, Points
from pdenet.problem.parts import likely

if TYPE_CHECKING:
    from pdenet.problem.problem import Problem


def check_names(problem: Problem) -> None:
    """Refuses a problem without a domain or conditions, and names that clash.

    Args:
        problem: The problem.

    Raises:
        ValueError: What is wrong.
    """
    if not isinstance(problem.domain, Domain):
        raise ValueError(
            f"Problem(domain={problem.domain!r}) needs a region of full dimension, such as "
            "Box(x=(0, 1))."
        )
    if not problem.conditions and problem.energy is None:
        raise ValueError(f"Problem {problem.name!r} has no conditions; give at least its equation.")
    if not (math.isfinite(problem.target) and problem.target > 0):
        raise ValueError(f"target={problem.target} must be positive and finite, such as 1e-3.")
    normals = ["n" + name for name in problem.domain.space]
    seen: dict[str, str] = {}
    for kind, names in (
        ("coordinate", problem.coordinates),
        ("normal", normals),
        ("field", problem.shapes),
        ("unknown", problem.unknowns),
        ("input function", problem.inputs),
    ):
        for name in names:
            if not name.isidentifier():
                raise ValueError(f"The {kind} name {name!r} is not a Python identifier.")
            if name in seen:
                raise ValueError(
                    f"{name!r} names both a {seen[name]} and a {kind} of problem "
                    f"{problem.name!r}; rename one of them."
                )
            seen[name] = kind


def check_references(problem: Problem) -> None:
    """Refuses mentions of fields, regions and inputs that are not there.

    Args:
        problem: The problem.

    Raises:
        ValueError: What is wrong.
    """
    for name in problem.modulo_constant:
        _require(problem, name, problem.shapes, "modulo_constant")
    core = problem.core
    if core is not None and (
        not isinstance(core, Domain) or core.coordinates != problem.coordinates
    ):
        raise ValueError(
            f"core of problem {problem.name!r} is {core!r}; give a domain with the coordinates "
            f"{problem.coordinates}."
        )
    for name, region in problem.regions.items():
        _require(problem, name, problem.shapes, "regions")
        if not isinstance(region, Domain) or region.coordinates != problem.coordinates:
            raise ValueError(
                f"regions[{name!r}] of problem {problem.name!r} is {region!r}; give a domain with "
                f"the coordinates {problem.coordinates}."
            )
    for name in problem.reference.fields if problem.reference is not None else ():
        _require(problem, name, {**problem.shapes, **problem.unknowns}, "The reference")
    _check_inputs(problem)


def check_energy(problem: Problem, energy: Functional) -> None:
    """Refuses conditions and an energy that contradict each other.

    Args:
        problem: The problem.
        energy: Its energy.

    Raises:
        ValueError: What is wrong.
    """
    order = max(problem.demands[name].layout.order for name in energy.terms)
    try:
        energy.check(problem.conditions, problem.essential, order)
    except ValueError as error:
        raise ValueError(f"Problem {problem.name!r}: {error}") from error


def check_contradictions(problem: Problem) -> None:
    """Refuses two conditions that give one field different values in one place.

    Args:
        problem: The problem.

    Raises:
        ValueError: What is wrong.
    """
    for first, second in combinations(problem.conditions, 2):
        a, b = problem.conditions[first], problem.conditions[second]
        kinds = [isinstance(c, Dirichlet | Initial) for c in (a, b)]
        if not (all(kinds) or (isinstance(a, Neumann) and isinstance(b, Neumann))):
            continue
        for piece in set(a.on.pieces()) & set(b.on.pieces()):
            points = piece.sample(16, seed=0)
            for name in a.values.keys() & b.values.keys():
                if not _agree(a.values[name], b.values[name], points):
                    raise ValueError(
                        f"Conditions {first!r} and {second!r} of problem {problem.name!r} give "
                        f"{name!r} different values on {piece.label!r}; remove one of them."
                    )


def check_window(
    problem: Problem, name: str, condition: Condition, start: float, end: float
) -> None:
    """Refuses a condition of which nobody knows what takes its place in a window of time.

    Args:
        problem: The problem.
        name: The condition's name.
        condition: The condition.
        start: First time of the window.
        end: Last time of the window.

    Raises:
        ValueError: Why it cannot be cut.
    """
    first, last = problem.domain.bounds.get("t", (start, end))
    at = condition.on.bounds.get("t", (first, last))
    why = None
    if at == (first, first) and start > first and not isinstance(condition, Initial):
        why = "holds at the first time; write it as Initial(u=..., rate={'u': ...})"
    elif at == (last, last) and end < last:
        why = "holds at the last time, which other windows do not reach"
    elif condition.shift is not None and condition.shift[0] == "t":
        why = "pairs different times"
    if why is not None:
        raise ValueError(
            f"Condition {name!r} of problem {problem.name!r} {why}: time windows cannot carry it. "
            "Change it, or solve without windows."
        )


def _check_inputs(problem: Problem) -> None:
    for name, given in problem.inputs.items():
        if not isinstance(given, InputFunction):
            raise ValueError(
                f"inputs[{name!r}] of problem {problem.name!r} is {given!r}; give an "
                "InputFunction(space, sensors=...)."
            )
        if strangers := [c for c in given.coordinates if c not in problem.coordinates]:
            raise ValueError(
                f"Input function {name!r} of problem {problem.name!r} is a function of "
                f"{given.coordinates}, but the problem has no coordinates {strangers}; it has "
                f"{problem.coordinates}."
            )
    # One that solves for any input functions, or did so for those that are given.
    solves = hasattr(problem.reference, "solutions") or hasattr(problem.reference, "given")
    if problem.reference is not None and solves != bool(problem.inputs):
        raise ValueError(
            f"Problem {problem.name!r} has the input functions {tuple(problem.inputs)}, but its "
            f"reference is a {type(problem.reference).__name__}; with input functions, and only "
            "then, give a reference that solves for them, such as ExactOperator."
        )


def _require(problem: Problem, name: str, known: Mapping[str, Any], who: str) -> None:
    if name not in known:
        raise ValueError(
            f"{who} of problem {problem.name!r} names {name!r}, but there are {sorted(known)}. "
            + likely(name, known)
        )


def _agree(one: Value, other: Value, points: Points) -> bool:
    a, b = (prescribed_values(value, points) for value in (one, other))
    while a.ndim < b.ndim:  # one number for all components
        a = a.unsqueeze(-1)
    while b.ndim < a.ndim:
        b = b.unsqueeze(-1)
    return torch.allclose(a, b, atol=1e-9)
