"""What `auto` stands for where the Deep Ritz method minimizes an energy, with the reason."""

from __future__ import annotations

from collections.abc import Callable

from pdenet.energy import Energy
from pdenet.problem import Problem
from pdenet.selection.parts import Choice
from pdenet.solvers.ritz.essential import plan_essential

GAUSS = {1: 256, 2: 2500, 3: 8000}  # nodes by dimension; beyond, tensor rules are out of reach
SOBOL = 4096


def choose_for_energies(kind: str, problem: Problem) -> Choice | None:
    """The part that suits an energy.

    Args:
        kind: solver, network, initializer, sampler, optimizer, balance.
        problem: The problem.

    Returns:
        Its name, its arguments, and the reason; None where an energy makes no difference.
    """
    return _CHOICES[kind](problem) if kind in _CHOICES else None


def has_rules(problem: Problem) -> bool:
    """Whether all integrals of a problem's energy have Gauss rules of many nodes an axis."""
    assert problem.energy is not None
    d = problem.domain.dimension
    if d not in GAUSS:
        return False
    return all(term.on.rule(GAUSS[d]) is not None for term in problem.energy.terms.values())


def _sampler(problem: Problem) -> Choice:
    d = problem.domain.dimension
    if has_rules(problem):
        reason = f"{GAUSS[d]} Gauss nodes, since an energy is an integral"
        return "quadrature", {"points": GAUSS[d]}, reason
    return (
        "sobol",
        {"points": SOBOL, "boundary_points": 512, "every": 1},
        f"{SOBOL} fresh points a step, since there is no Gauss rule and the network would find "
        "the gaps between fixed ones",
    )


def _network(problem: Problem) -> Choice | None:
    if not _bounded(problem):
        return None
    return "mlp", {"width": 16, "depth": 3}, "16 wide and 3 deep: each step costs a Jacobian"


def _optimizer(problem: Problem) -> Choice:
    if _bounded(problem):
        return (
            "levenberg-marquardt",
            {"resample_every": None},
            "since Newton's method finds where an obstacle is touched, and gradients crawl",
        )
    if has_rules(problem) and (left := _left(problem)):
        return (
            "levenberg-marquardt",
            {"resample_every": None},
            f"since the multipliers of {', '.join(left)} can move after ten of its steps",
        )
    if has_rules(problem):
        return (
            "adam-ssbroyden",
            {"adam_steps": 400, "resample_every": None, "progress": 1e-10},
            "since Adam finds the basin and a self-scaled quasi-Newton method converges in it; "
            "energies are flat at their minimum, so it stops late",
        )
    return (
        "adam",
        {"lr": 5e-3, "decay_every": 1000},
        "since the points of the integrals change from step to step",
    )


def _left(problem: Problem) -> list[str]:
    """Essential conditions that a network's form does not impose."""
    plan = plan_essential(problem)
    return [name for name in problem.essential if plan is None or name not in plan.imposed]


def _bounded(problem: Problem) -> bool:
    return isinstance(problem.energy, Energy) and bool(problem.energy.at_least)


def _balance(problem: Problem) -> Choice:
    return "static", {}, "since the terms of an energy have their own weights"


_CHOICES: dict[str, Callable[[Problem], Choice | None]] = {
    "network": _network,
    "sampler": _sampler,
    "optimizer": _optimizer,
    "balance": _balance,
}
