"""What `auto` stands for where a problem has input functions, with the reason in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from pdenet.conditions import OperatorData, stack_rows
from pdenet.jets import Jet
from pdenet.problem import Problem
from pdenet.references.operators import OperatorReference
from pdenet.selection.parts import Choice
from pdenet.solvers.hard import plan_hard_conditions

TRAINED_WEIGHT = 10.0  # of values at boundary and start, where they are not imposed
COMPONENTS = 24  # of input functions in the plane: further ones are memorized, not learned
_POINTS = 20
_ROUND_OFF = 1e-9


def choose_for_operators(kind: str, problem: Problem) -> Choice:
    """The part that suits a problem with input functions.

    Args:
        kind: solver, network, sampler, optimizer, balance.
        problem: The problem.

    Returns:
        Its name, its arguments, and the reason.
    """
    return _CHOICES[kind](problem)


def is_affine(problem: Problem) -> bool:
    """Whether equations are affine in fields and input functions together.

    Then so is the operator, and a linear map of the inputs gives its coefficients exactly. Told
    by superposition of random fields, with all their partials.

    Args:
        problem: A problem with input functions.

    Returns:
        False also where it has no equations, or unknown constants.
    """
    equations = {n: c for n, c in problem.conditions.items() if not isinstance(c, OperatorData)}
    if not equations or problem.unknowns:
        return False
    return all(_affine(problem, name) for name in equations)


def _affine(problem: Problem, name: str) -> bool:
    condition, demand = problem.conditions[name], problem.demands[name]
    points = condition.on.sample(_POINTS, seed=0)
    given = {f"n{c}": points[f"n{c}"] for c in points.space} if points.normals is not None else {}
    given |= {"weight": points.weight, **condition.data(points)}
    generator = torch.Generator().manual_seed(0)

    def draw(shape: tuple[int, ...]) -> Tensor:
        size = (len(demand.layout.channels), len(points), *shape)
        return 0.5 + torch.rand(size, generator=generator, dtype=torch.float64)

    first, second = ({n: draw(s) for n, s in demand.fields.items()} for _ in range(2))

    def rows(values: Mapping[str, Tensor]) -> Tensor:
        jets = {n: Jet(demand.layout, v) for n, v in values.items()}
        found = condition.residual(**demand.arguments(jets, points.x, given))
        return stack_rows(found, len(points))

    middle = rows({n: 0.25 * first[n] + 0.75 * second[n] for n in first})
    ends = 0.25 * rows(first) + 0.75 * rows(second)
    size = ends.abs().max() + middle.abs().max()
    return bool((middle - ends).abs().max() <= _ROUND_OFF * size)


def _solver(problem: Problem) -> Choice:
    branch = "linear" if is_affine(problem) else "mlp"
    why = (
        "whose coefficients are linear in the inputs, since the equations are"
        if branch == "linear"
        else "whose coefficients are networks of the inputs"
    )
    known = isinstance(problem.reference, OperatorReference) or any(
        isinstance(c, OperatorData) for c in problem.conditions.values()
    )
    taught = "data" if known else "the equations"
    arguments: dict[str, Any] = {"branch": branch, "basis": 16 if branch == "linear" else 24}
    arguments |= _sizes(problem, branch)
    if branch != "linear":
        arguments |= {"branch_width": 24 if _small(problem) else 64, "branch_depth": 2}
    if branch != "linear" and not _small(problem):
        arguments["components"] = COMPONENTS
    inputs = ", ".join(problem.inputs)
    return "deeponet", arguments, f"for the input functions {inputs}: learns from {taught}, {why}"


def _sizes(problem: Problem, branch: str) -> dict[str, int]:
    """Functions to learn from, and points of their data: all of them at once are a step's cost."""
    grid = 64 if problem.domain.dimension == 1 else 900 if branch == "linear" else 400
    if branch == "linear":  # a linear map needs hardly more functions than they have coefficients
        return {"functions": 100, "grid": grid}
    return {"functions": 400 if _small(problem) else 1000, "grid": grid}


def _small(problem: Problem) -> bool:
    """Whether input functions have few principal components, as those of one coordinate have."""
    return sum(len(f.coordinates) for f in problem.inputs.values()) == 1


def _network(problem: Problem) -> Choice:
    reason = "for the basis functions, 24 wide and 3 deep: small enough for quasi-Newton methods"
    return "mlp", {"width": 24, "depth": 3}, reason


def _sampler(problem: Problem) -> Choice:
    points = {1: 64, 2: 256}.get(problem.domain.dimension, 512)
    reason = f"{points} points for all functions of a step: the functions matter more"
    return "sobol", {"points": points, "boundary_points": 32, "every": 100}, reason


def _optimizer(problem: Problem) -> Choice:
    if not _small(problem) and not is_affine(problem):
        reason = "since the branches have too many parameters for dense curvature"
        return "adam-lbfgs", {"adam_steps": 2000, "lr": 8e-3}, reason
    reason = "since Adam finds the basin and a self-scaled quasi-Newton method converges in it"
    return "adam-ssbroyden", {"adam_steps": 300}, reason


def _balance(problem: Problem) -> Choice:
    imposed = plan_hard_conditions(problem).imposed
    trained = [
        name
        for name, c in problem.conditions.items()
        if name not in imposed
        and c.on.dimension < problem.domain.dimension
        and not isinstance(c, OperatorData)
    ]
    if not trained:
        return "static", {}, "since all boundary and start values are imposed or learned from data"
    return (
        "static",
        {"weights": dict.fromkeys(trained, TRAINED_WEIGHT)},
        (f"{TRAINED_WEIGHT:g} times the equation's weight on {', '.join(trained)}"),
    )


_CHOICES: dict[str, Callable[[Problem], Choice]] = {
    "solver": _solver,
    "network": _network,
    "sampler": _sampler,
    "optimizer": _optimizer,
    "balance": _balance,
}
