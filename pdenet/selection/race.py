"""How far starts come in a short training: the one way to learn what kernels that move will do."""

from __future__ import annotations

import math

import torch

from pdenet.balancing import Static
from pdenet.networks.initializers import Initializer
from pdenet.optim import NonFiniteError
from pdenet.sampling import QuadratureSampler, Sampler, UniformSampler
from pdenet.selection.probing import ENERGY_POINTS, FRESH_SEED, energy_of, other_rule, probe
from pdenet.solvers import Solver

RACE_STEPS, RACE_RATE, RACE_POINTS = 200, 5e-3, 300


def prepare(solver: Solver) -> None:
    """Gives a solver points and weights of its own.

    Balances and samplers that adapt may be the user's own objects: they must not see the race.

    Args:
        solver: The solver.
    """
    solver.balance = Static(weights=solver.balance.factors)
    if not solver.drawing.fixed:  # multipliers belong to the training points
        solver.use_sampler(_race_points(solver))


def after_steps(solver: Solver, initializer: Initializer) -> float:
    """Lets a start train for a stretch of Adam, and judges it.

    Args:
        solver: A solver that :func:`prepare` made ready.
        initializer: The start.

    Returns:
        Mean squared residual at fresh points, or the energy; infinite where training failed.
    """
    solver.restart(initializer)
    adam = torch.optim.Adam((p for p in solver.parameters() if p.requires_grad), lr=RACE_RATE)
    try:
        for _ in range(RACE_STEPS):
            solver.closure()
            adam.step()
            solver.progress.step += 1  # operators meet other functions at each
        return _judged(solver)
    except NonFiniteError:
        return math.inf
    finally:
        solver.progress.step = 0


def _race_points(solver: Solver) -> Sampler:
    if solver.row_source is solver.residuals:
        return UniformSampler(
            points=RACE_POINTS, boundary_points=max(8, RACE_POINTS // 4), every=None
        )
    return QuadratureSampler(points=ENERGY_POINTS, boundary_points=ENERGY_POINTS, every=None)


def _judged(solver: Solver) -> float:
    if solver.row_source is solver.residuals:
        tangent, factors = probe(solver, RACE_POINTS, FRESH_SEED)
        return float((factors * tangent.values().detach()).square().sum())
    training, own = solver.drawing, float(solver.closure())
    if not training.fixed:
        solver.drawing = other_rule(solver, FRESH_SEED)
    seen = float(solver.closure())
    solver.drawing = training
    return energy_of(own, seen)
