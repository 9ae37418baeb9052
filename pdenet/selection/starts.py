"""Which initializer suits a problem: a few are tried on probe points, and the best race.

Effective rank says how many modes of the residual move at a comparable speed, not whether they are
the ones that the residual consists of, nor whether what is learned at points holds between them. So
a start is judged by how far 200 steps of gradient descent at its points would bring the residual at
fresh ones, if its kernel stayed (:func:`pdenet.diagnostics.predicted_residual`); effective rank and
the floor of the last layer stand beside it, and decide where that says nothing. A kernel does not
stay, though: the most promising starts, and the usual one, take 200 steps of Adam, and the least
residual at fresh points wins.

Evidence (benchmarks/training_difficulty, nine cases, five seeds, each trained by Adam from 11 to 14
starts; the rule was chosen on two of the seeds, and does as well on the others): the error of the
start that is taken is 1.11 times the best one's in the geometric mean, and within 25 % of it in 36
of 45 trainings. The prediction alone gives 1.25 and 31, the largest effective rank 3.7 and 10: it
belongs to ranges too wide for the solution. Glorot's start gives 6.4.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from pdenet.balancing import Static
from pdenet.diagnostics import (
    effective_rank,
    least_squares_floor,
    predicted_energy,
    predicted_residual,
)
from pdenet.geometry import Points
from pdenet.linear_fit import last_layer
from pdenet.networks.initializers import (
    Glorot,
    Initializer,
    PartitionOfUnity,
    VarianceScaling,
    layers_of,
)
from pdenet.optim import NonFiniteError
from pdenet.residuals import Residuals
from pdenet.sampling import QuadratureSampler, Sampler, UniformSampler
from pdenet.solvers import Solver
from pdenet.solvers.drawing import Drawing
from pdenet.tangent import Tangent

RANGES = (1.0, 2.0, 4.0, 8.0)
PATCHES = {1: (3, 6, 12), 2: (2, 3), 3: (2,)}
PATCH_RANGES = (1.0, 2.0, 4.0)

STEPS = 200  # of gradient descent that is foreseen
ENERGY_STEPS = 1000
POINTS = 160  # probe points in the interior; a quarter of them on each part of the boundary
ENERGY_POINTS = 300  # of a rule for energies
MAX_ENTRIES = 10_000_000  # of J: a second on one core for all candidates
PROBE_SEED, FRESH_SEED = 2024, 2025
MOST_DIMENSIONS = 3  # patches in more have too few neurons each

FINALISTS = 4  # beside the usual start
RACE_STEPS, RACE_RATE, RACE_POINTS = 200, 5e-3, 300


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


@dataclass(frozen=True)
class Choice:
    """The trials, and the one to start from.

    Args:
        trials: In the order in which they were made.
        seconds: What they took.
        judged: What was predicted: residual or energy.
    """

    trials: tuple[Trial, ...]
    seconds: float
    judged: Literal["residual", "energy"] = "residual"

    @property
    def best(self) -> Trial:
        """The winner of the race; the usual start where all of it failed."""
        racers = [t for t in self.trials if not math.isnan(t.raced)]
        return min(racers, key=lambda t: t.raced)

    @property
    def reason(self) -> str:
        """The choice and why, in one sentence."""
        best, usual = self.best, self.trials[0]
        return (
            f"{best.label}, since of {len(self.trials)} starts it came to the least {self.judged} "
            f"at fresh points in {RACE_STEPS} steps ({best.raced:.3g}, against {usual.raced:.3g} "
            f"from {usual.label}); effective rank {best.effective_rank:.1f} against "
            f"{usual.effective_rank:.1f}"
        )


def try_initializers(solver: Solver, candidates: Sequence[Initializer] | None = None) -> Choice:
    """Tries initializers with a problem's residuals, network and seed.

    Args:
        solver: A solver that has not been trained, and is used up: train another.
        candidates: Initializers, the usual one first; by default those of :func:`candidates_for`.

    Returns:
        What was found. A candidate that does not suit the network is left out.

    Raises:
        ValueError: None of them suits it.
    """
    begun = time.monotonic()
    trials: list[Trial] = []
    refused: list[str] = []
    for initializer in candidates or candidates_for(solver):
        try:
            solver.restart(initializer)
        except ValueError as error:
            refused.append(str(error))
            continue
        trials.append(_try(solver, initializer))
    if not trials:
        raise ValueError(f"No initializer could be tried: {'; '.join(refused)}")
    judged = "residual" if solver.row_source is solver.residuals else "energy"
    raced = tuple(_race(solver, trials))
    return Choice(raced, time.monotonic() - begun, judged)


def candidates_for(solver: Solver) -> list[Initializer]:
    """Initializers worth a trial: what networks draw, wider ranges, patches, and both.

    Networks of patches get as many parameters as the plain one has, so that steps cost the same.

    Args:
        solver: The solver, with its network.

    Returns:
        The initializers, the usual one first.
    """
    found: list[Initializer] = [Glorot(), *(VarianceScaling(R=r) for r in RANGES)]
    problem, (width, deep) = solver.problem, _size(solver)
    order = max(demand.layout.order for demand in problem.demands.values())
    window: Any = "smooth" if order <= 2 else "infinitely-smooth"
    d = problem.domain.dimension
    for patches in PATCHES.get(d, ()) if d <= MOST_DIMENSIONS else ():
        # The hidden layers of m networks of width w / sqrt(m) hold as much as one of width w.
        count = patches**d
        share = max(2, round(width / (math.sqrt(count) if deep else count)))
        found += [
            PartitionOfUnity(patches=patches, window=window, R=r, width=share) for r in PATCH_RANGES
        ]
    return found


def _size(solver: Solver) -> tuple[int, bool]:
    """Width of the network, and whether layers of that width follow each other."""
    layers = next(layers_of(solver.residuals.model))
    inner = [*layers.first, *layers.hidden]
    return (inner[0].out_features if inner else 1), len(inner) > 1


def _try(solver: Solver, initializer: Initializer) -> Trial:
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


def _race(solver: Solver, trials: Sequence[Trial]) -> Iterator[Trial]:
    """Lets the usual start and the most promising of the others train for a while."""
    # Balances and samplers that adapt may be the user's own objects: they must not see the race.
    solver.balance = Static(weights=solver.balance.factors)
    if not solver.drawing.fixed:  # multipliers belong to the training points
        solver.use_sampler(_race_points(solver))
    usual, *others = trials
    promising = sorted(others, key=lambda t: (t.predicted, -t.effective_rank))[:FINALISTS]
    for trial in trials:
        racing = trial is usual or trial in promising
        yield replace(trial, raced=_after_steps(solver, trial.initializer)) if racing else trial


def _race_points(solver: Solver) -> Sampler:
    if solver.row_source is solver.residuals:
        return UniformSampler(
            points=RACE_POINTS, boundary_points=max(8, RACE_POINTS // 4), every=None
        )
    return QuadratureSampler(points=ENERGY_POINTS, boundary_points=ENERGY_POINTS, every=None)


def _after_steps(solver: Solver, initializer: Initializer) -> float:
    """Mean squared residual at fresh points, or the energy, after a stretch of Adam."""
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


def _judged(solver: Solver) -> float:
    if solver.row_source is solver.residuals:
        tangent, factors = _probe(solver, RACE_POINTS, FRESH_SEED)
        return float((factors * tangent.values().detach()).square().sum())
    training, own = solver.drawing, float(solver.closure())
    if not training.fixed:
        solver.drawing = _other_rule(solver, FRESH_SEED)
    seen = float(solver.closure())
    solver.drawing = training
    return _energy_of(own, seen)


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


def _rows(solver: Solver, points: int, seed: int) -> tuple[Tensor, Tensor]:
    """J and the residual at probe points, with the factors that the balance was given."""
    tangent, factors = _probe(solver, points, seed)
    jacobian = tangent.dense().detach()
    jacobian *= factors[:, None]
    return jacobian, factors * tangent.values().detach()


def _probe(solver: Solver, points: int, seed: int) -> tuple[Tangent, Tensor]:
    """The tangent at probe points, and the root of the balance's factor of every row."""
    residuals = solver.residuals
    sampler = UniformSampler(points=points, boundary_points=max(8, points // 4), every=None)
    sampler.bind({name: c.on for name, c in residuals.conditions.items()}, seed)
    tangent = Tangent(residuals, dict(_fitting(residuals, sampler.draw(0), points)))
    factors = torch.ones_like(tangent.values())
    for name, rows in tangent.rows.items():
        factors[rows] = math.sqrt(solver.balance.factors.get(name, 1.0))
    return tangent, factors


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
            solver.drawing = _other_rule(solver, seed)
        found = solver.linearization()
        models.append((found.dense()[0].detach(), found.gradient, found.loss))
    solver.drawing = training
    own, seen = (predicted_energy(models[0], ENERGY_STEPS, judge) for judge in models)
    return models[0][0], _energy_of(own, seen)


def _other_rule(solver: Solver, seed: int) -> Drawing:
    rule = QuadratureSampler(points=ENERGY_POINTS, boundary_points=ENERGY_POINTS, every=1)
    rule.bind({n: c.on for n, c in solver.residuals.conditions.items()}, seed)
    return Drawing(solver.residuals, rule)


def _energy_of(own: float, seen: float) -> float:
    """An energy on two rules; where they disagree it consists of integration errors."""
    return seen + 10 * abs(seen - own)  # of which the rules share most


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
