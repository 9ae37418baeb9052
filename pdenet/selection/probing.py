"""What the kernel of a start promises, from J at probe points."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.diagnostics import (
    effective_rank,
    least_squares_floor,
    predicted_energy,
    predicted_residual,
)
from pdenet.geometry import Points
from pdenet.linear_fit import last_layer
from pdenet.networks.initializers import Initializer
from pdenet.residuals import Residuals
from pdenet.sampling import QuadratureSampler, UniformSampler
from pdenet.solvers import Solver
from pdenet.solvers.drawing import Drawing
from pdenet.tangent import Tangent

STEPS = 200  # of gradient descent that is foreseen
ENERGY_STEPS = 1000
POINTS = 160  # probe points in the interior; a quarter of them on each part of the boundary
ENERGY_POINTS = 300  # of a rule for energies
MAX_ENTRIES = 10_000_000  # of J: a second on one core for all candidates
PROBE_SEED, FRESH_SEED = 2024, 2025


@dataclass(frozen=True)
class Trial:
    """What one initializer promises.

    Args:
        initializer: The initializer.
        parameters: Number of trained parameters.
        effective_rank: Of K = J J^T at the probe points.
        floor: Relative residual that the last layer alone could reach there.
        predicted: Relative residual at fresh points after gradient descent with this kernel, or
            the energy after it; infinite where it cannot be told.
        raced: Mean squared residual at fresh points after the race, with the balance's factors, or
            the energy; infinite where training failed, NaN for those that did not race.
    """

    initializer: Initializer
    parameters: int
    effective_rank: float
    floor: float
    predicted: float
    raced: float = math.nan

    @property
    def label(self) -> str:
        """Name and what was varied."""
        described = self.initializer.describe()
        del described["name"]
        plain, shown = type(self.initializer)().describe(), ("R", "patches")
        changed = {k: v for k, v in described.items() if k in shown or plain.get(k) != v}
        said = [f"{k}={v:g}" if isinstance(v, float) else f"{k}={v}" for k, v in changed.items()]
        return f"{self.initializer.name} {', '.join(said)}".strip()


def promise(solver: Solver, initializer: Initializer) -> Trial:
    """What a start promises by its kernel.

    Args:
        solver: A solver whose network comes from the initializer.
        initializer: The initializer.

    Returns:
        The trial, not raced.
    """
    residuals = solver.residuals
    trained = sum(p.numel() for p in residuals.parameters() if p.requires_grad)
    if solver.row_source is not residuals:
        jacobian, energy = _promised_energy(solver)
        rank = float(effective_rank(jacobian @ jacobian.T))
        return Trial(initializer, trained, rank, math.nan, energy)
    points = max(16, min(POINTS, MAX_ENTRIES // trained))
    (jacobian, z), fresh = (_rows(solver, points, seed) for seed in (PROBE_SEED, FRESH_SEED))
    rank, floor, predicted = math.nan, math.nan, math.inf
    if bool(jacobian.isfinite().all()) and bool(z.isfinite().all()) and bool(jacobian.any()):
        rank = float(effective_rank(jacobian @ jacobian.T))
        floor = _floor(residuals, jacobian, z)
        if bool(z.any()):
            predicted = predicted_residual(jacobian, z, STEPS, fresh)
    return Trial(initializer, trained, rank, floor, predicted)


def probe(solver: Solver, points: int, seed: int) -> tuple[Tangent, Tensor]:
    """The tangent at probe points, and the root of the balance's factor of every row.

    Args:
        solver: The solver.
        points: Points in the interior.
        seed: Their seed.

    Returns:
        The tangent, and factors of shape (N,).
    """
    residuals = solver.residuals
    sampler = UniformSampler(points=points, boundary_points=max(8, points // 4), every=None)
    sampler.bind({name: c.on for name, c in residuals.conditions.items()}, seed)
    tangent = Tangent(residuals, dict(_fitting(residuals, sampler.draw(0), points)))
    factors = torch.ones_like(tangent.values())
    for name, rows in tangent.rows.items():
        factors[rows] = math.sqrt(solver.balance.factors.get(name, 1.0))
    return tangent, factors


def other_rule(solver: Solver, seed: int) -> Drawing:
    """Nodes of a rule of its own for an energy.

    Args:
        solver: The solver.
        seed: Seed of the rule's shift.

    Returns:
        The drawing.
    """
    rule = QuadratureSampler(points=ENERGY_POINTS, boundary_points=ENERGY_POINTS, every=1)
    rule.bind({n: c.on for n, c in solver.residuals.conditions.items()}, seed)
    return Drawing(solver.residuals, rule)


def energy_of(own: float, seen: float) -> float:
    """An energy on two rules; where they disagree it consists of integration errors.

    Args:
        own: On the rule that was trained on.
        seen: On another.

    Returns:
        The energy to judge by.
    """
    return seen + 10 * abs(seen - own)  # of which the rules share most


def _rows(solver: Solver, points: int, seed: int) -> tuple[Tensor, Tensor]:
    """J and the residual at probe points, with the factors that the balance was given."""
    tangent, factors = probe(solver, points, seed)
    jacobian = tangent.dense().detach()
    jacobian *= factors[:, None]
    return jacobian, factors * tangent.values().detach()


def _promised_energy(solver: Solver) -> tuple[Tensor, float]:
    """Rows of an energy's Gauss-Newton matrix, and the energy that descent would come to.

    Args:
        solver: The solver.

    Returns:
        J at probe points, shape (N, P), and the energy.
    """
    training = solver.drawing
    models = []
    for seed in (PROBE_SEED, FRESH_SEED):
        if not training.fixed:  # multipliers belong to the training points
            solver.drawing = other_rule(solver, seed)
        found = solver.linearization()
        models.append((found.dense()[0].detach(), found.gradient, found.loss))
    solver.drawing = training
    own, seen = (predicted_energy(models[0], ENERGY_STEPS, judge) for judge in models)
    return models[0][0], energy_of(own, seen)


def _floor(residuals: Residuals, jacobian: Tensor, z: Tensor) -> float:
    if residuals.problem.inputs:  # an operator's outputs are products of last layers
        return math.nan
    like = next(residuals.model.parameters())
    some = residuals.problem.domain.sample(5, seed=0).x.to(like)
    try:
        last = {id(p) for p in last_layer(residuals.model, some)}
    except ValueError:  # it ends in something else
        return math.nan
    start, columns = 0, []
    for p in residuals.parameters():
        if p.requires_grad:
            if id(p) in last:
                columns.append(jacobian[:, start : start + p.numel()])
            start += p.numel()
    return float(least_squares_floor(torch.cat(columns, 1), z))


def _fitting(
    residuals: Residuals, drawn: dict[str, Points], points: int
) -> Iterator[tuple[str, Points]]:
    """Integrals on a quadrature; of measurements, at most so many."""
    for name, condition in residuals.conditions.items():
        found = drawn[name]
        if condition.integral:
            found = condition.on.quadrature(len(found))
        elif len(found) > points:
            found = found.select(slice(0, None, -(-len(found) // points)))
        yield name, found
