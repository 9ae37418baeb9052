"""One training from one start, by steps and by processor seconds of one thread."""

from __future__ import annotations

import time
import warnings
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch

from benchmarks.training_difficulty.cases import Case
from pdenet.accuracy import Comparison
from pdenet.balancing import BALANCES
from pdenet.callbacks import Measure
from pdenet.catalogue import find
from pdenet.networks import MLP
from pdenet.networks.initializers import Glorot, Initializer, rebuilt
from pdenet.optim import Adam
from pdenet.record import Curve
from pdenet.run.fit import quiet
from pdenet.sampling import SAMPLERS, Sampler
from pdenet.selection.starts import try_initializers
from pdenet.solvers import SOLVERS, Solver

ERRORS = tuple(m * 10.0**-k for k in range(1, 5) for m in (10, 7, 5, 3, 2, 1.5))
LOSSES = tuple(10.0**k for k in range(3, -7, -1))
MEASUREMENTS = 100  # of the error, in one training


def choose(case: Case, seed: int) -> dict[str, Any]:
    """What `auto` sees of each start and which it takes, without training.

    Args:
        case: What is trained.
        seed: Seed of the draws.

    Returns:
        A row of the Record.
    """
    torch.set_num_threads(1)
    begun = time.process_time()
    choice = try_initializers(_solver(case, Glorot(), seed, case.steps))
    return {
        "table": "choices",
        "case": case.name,
        "seed": seed,
        "chosen": choice.best.label,
        "seconds": time.process_time() - begun,
        "trials": [
            {
                "start": t.label,
                "initializer": t.initializer.describe(),
                "effective_rank": t.effective_rank,
                "floor": t.floor,
                "predicted": t.predicted,
            }
            for t in choice.trials
        ],
    }


def train(case: Case, trial: dict[str, Any], seed: int, steps: int) -> dict[str, Any]:
    """Trains one network.

    Args:
        case: What is trained.
        trial: The start, as :func:`choose` describes it.
        seed: Seed of the draw and of the points.
        steps: Optimizer steps.

    Returns:
        A row of the Record.
    """
    torch.set_num_threads(1)
    solver = _solver(case, rebuilt(trial["initializer"]), seed, steps)
    every = max(1, steps // MEASUREMENTS)
    measure = Measure(Comparison.of(solver.problem), every_steps=every)
    begun = time.process_time()
    _fit(solver, measure, steps)
    curve = measure.curve
    return {
        "table": "training",
        "case": case.name,
        "start": trial["start"],
        "seed": seed,
        "steps": steps,
        "parameters": sum(p.numel() for p in solver.parameters() if p.requires_grad),
        "effective_rank": trial["effective_rank"],
        "seconds": time.process_time() - begun,
        "steps_to_error": _reached(curve, "error", ERRORS),
        "steps_to_loss": _reached(curve, "loss", LOSSES),
        "error": curve.error[-1],
        "loss": curve.loss[-1],
    }


def _solver(case: Case, initializer: Initializer, seed: int, steps: int) -> Solver:
    problem = find(case.problem).build(**case.parameters)
    return SOLVERS[case.solver](
        problem,
        partial(MLP, width=case.width, depth=case.depth),
        initializer=initializer,
        sampler=_sampler(case),
        optimizer=(Adam(steps=steps, lr=case.lr, decay_rate=0.01, decay_every=steps),),
        balance=BALANCES["static"](weights=case.weights),
        seed=seed,
    )


def _sampler(case: Case) -> Sampler:
    """Fresh points every 100 steps, so that none is merely fitted; with weights for energies."""
    if case.solver == "deep-ritz":
        return SAMPLERS["quadrature"](points=case.points, every=100)
    return SAMPLERS["uniform"](points=case.points, every=100)


def _fit(solver: Solver, measure: Measure, steps: int) -> None:
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = pl.Trainer(
            accelerator="cpu",
            max_steps=steps,
            callbacks=[measure],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(solver)


def _reached(curve: Curve, what: str, levels: tuple[float, ...]) -> dict[str, int | None]:
    """First step at which each level was reached; None where it never was."""
    values = [(s, v) for s, v in zip(curve.step, getattr(curve, what), strict=True) if v]
    return {f"{x:g}": next((s for s, v in values if v <= x), None) for x in levels}
