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

from pdenet.networks.initializers import (
    Glorot,
    Initializer,
    PartitionOfUnity,
    VarianceScaling,
    layers_of,
)
from pdenet.selection.probing import Trial, promise
from pdenet.selection.race import RACE_STEPS, after_steps, prepare
from pdenet.solvers import Solver

RANGES = (1.0, 2.0, 4.0, 8.0)
PATCHES = {1: (3, 6, 12), 2: (2, 3), 3: (2,)}
PATCH_RANGES = (1.0, 2.0, 4.0)
MOST_DIMENSIONS = 3  # patches in more have too few neurons each
FINALISTS = 4  # beside the usual start


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
        trials.append(promise(solver, initializer))
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


def _race(solver: Solver, trials: Sequence[Trial]) -> Iterator[Trial]:
    """Lets the usual start and the most promising of the others train for a while."""
    prepare(solver)
    usual, *others = trials
    promising = sorted(others, key=lambda t: (t.predicted, -t.effective_rank))[:FINALISTS]
    for trial in trials:
        racing = trial is usual or trial in promising
        yield replace(trial, raced=after_steps(solver, trial.initializer)) if racing else trial


def _size(solver: Solver) -> tuple[int, bool]:
    """Width of the network, and whether layers of that width follow each other."""
    layers = next(layers_of(solver.residuals.model))
    inner = [*layers.first, *layers.hidden]
    return (inner[0].out_features if inner else 1), len(inner) > 1
