"""Trains every sampler on every case; one run gives errors at equal steps and at equal CPU time."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch

from benchmarks.sampling.cases import (
    CASES,
    DEFAULT,
    FRESH_POINTS,
    PLACED,
    SAMPLERS,
    STAGE,
    Case,
)
from benchmarks.sampling.placed import PlacedSampler
from benchmarks.sampling.tables import table
from pdenet import PINN, Problem
from pdenet.accuracy import Comparison
from pdenet.catalogue import find
from pdenet.diagnostics import effective_rank
from pdenet.networks import NETWORKS
from pdenet.optim import OPTIMIZERS
from pdenet.residuals import Residuals
from pdenet.run.fit import quiet
from pdenet.sampling import SAMPLERS as REGISTRY
from pdenet.sampling import Sampler
from pdenet.solvers import Solver
from pdenet.tangent import Tangent

__all__ = ["options", "run", "table"]

MEASUREMENTS = 26
FRESH_SEED = 4711
RANK_POINTS = 128


def options(parser: argparse.ArgumentParser) -> None:
    """Adds the suite's options."""
    parser.add_argument("--problems", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--samplers", nargs="+", default=list(DEFAULT), choices=list(SAMPLERS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=float, default=1.0, help="factor of all numbers of steps")


def run(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Trains case after case, on one thread.

    Args:
        arguments: The suite's options.

    Yields:
        One row a run.
    """
    torch.set_num_threads(1)
    for seed in arguments.seeds:
        for name in arguments.problems:
            placed = find(name).build(**CASES[name].parameters).core is not None
            for sampler in arguments.samplers:
                if sampler == PLACED and not placed:
                    continue
                row = train(CASES[name], sampler, seed, arguments.steps)
                shown = {k: row[k] for k in ("problem", "sampler", "seed", "error", "cpu_seconds")}
                print(shown, file=sys.stderr, flush=True)
                yield row


def train(case: Case, name: str, seed: int, factor: float = 1.0) -> dict[str, Any]:
    """One run.

    Args:
        case: Problem, network, optimizer.
        name: The sampler.
        seed: Of network and points.
        factor: Of the number of steps.

    Returns:
        Errors, residual variance, CPU seconds of training and of adaptation.
    """
    problem = find(case.problem).build(**case.parameters)
    network, optimizer = dict(case.network), dict(case.optimizer)
    steps = max(1, round(factor * case.steps))
    sampler = build(case, name, problem)
    module = PINN(
        problem,
        partial(NETWORKS[network.pop("name")], **network),
        sampler=sampler,
        optimizer=OPTIMIZERS[optimizer.pop("name")](**optimizer),
        seed=seed,
        block=20,
    )
    comparison = Comparison.of(problem)
    assert isinstance(comparison, Comparison)
    clock = Clock(comparison, sampler, max(1, steps // MEASUREMENTS))
    trainer = pl.Trainer(
        max_steps=steps,
        max_epochs=-1,
        accelerator="cpu",
        callbacks=[clock],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with quiet():
        trainer.fit(module)
    return {
        "problem": case.problem,
        "case": asdict(case),
        "sampler": name,
        "seed": seed,
        "error": clock.errors[-1],
        "error_even": clock.even,
        "curve": {"seconds": clock.seconds, "error": clock.errors},
        "cpu_seconds": clock.seconds[-1],
        "adapting": clock.adapting / clock.seconds[-1],
        "stopped_by": module.progress.stopped_by,
        **residual_moments(module.residuals),
        **ranks(module),
        "warnings": (sampler.report() or {}).get("warnings", []),
    }


def build(case: Case, name: str, problem: Problem) -> Sampler:
    """The sampler with the case's number of points."""
    given = {"points": case.points, "boundary_points": case.points // 4, "every": case.every}
    options = {**given, **SAMPLERS[name]}
    made = options.pop("name")
    if made == "adversarial":
        options |= case.flow
    if made == "das":
        options["every"] *= STAGE
    if made == "placed":
        assert problem.core is not None
        return PlacedSampler(problem.core, **options)
    return REGISTRY[made](**options)


class Clock(pl.Callback):
    """Errors against CPU seconds; measuring does not count, adaptation does, and by itself too."""

    def __init__(self, comparison: Comparison, sampler: Sampler, every: int) -> None:
        self.comparison, self.every = comparison, every
        self.seconds: list[float] = []
        self.errors: list[float] = []
        self.even: float | None = None
        self.adapting = 0.0
        adapt = sampler.adapt

        def timed(*arguments: Any) -> None:
            start = time.process_time()
            adapt(*arguments)
            self.adapting += time.process_time() - start

        sampler.adapt = timed  # type: ignore[method-assign]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Starts the clock."""
        self.start, self.last = time.process_time(), 0

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        """Measures every so many steps."""
        assert isinstance(pl_module, Solver)
        if pl_module.progress.step - self.last >= self.every:
            self.measure(pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measures once more."""
        assert isinstance(pl_module, Solver)
        self.measure(pl_module)

    def measure(self, solver: Solver) -> None:
        """Appends the worst error: in the core, where the problem has one."""
        now = time.process_time()
        found = self.comparison.errors(solver.residuals)
        core = {n: e for n, e in found.items() if n.endswith("in the core")}
        everywhere = max(e.relative_l2 for n, e in found.items() if n not in core)
        self.even = everywhere if core else None
        error = max((e.relative_l2 for e in core.values()), default=everywhere)
        # Four digits: hundreds of curves in full would be most of the record.
        self.seconds.append(float(f"{now - self.start:.4g}"))
        self.errors.append(float(f"{error:.4g}"))
        self.last = solver.progress.step
        self.start += time.process_time() - now


def residual_moments(residuals: Residuals) -> dict[str, float]:
    """Mean of the squared residual at fresh uniform points, and its relative standard deviation."""
    squares = torch.zeros(FRESH_POINTS)
    inside = residuals.problem.domain.dimension
    for name, condition in residuals.conditions.items():
        if condition.on.dimension == inside and not condition.integral:
            points = condition.on.sample(FRESH_POINTS, seed=FRESH_SEED)
            rows = residuals.in_chunks({name: points})[name].double().reshape(FRESH_POINTS, -1)
            squares = squares + rows.square().sum(1)
    mean = float(squares.mean())
    return {"mean_square": mean, "spread": float(squares.std()) / mean if mean else 0.0}


def ranks(module: Solver) -> dict[str, float]:
    """Effective rank of the trained network at even points, and at the sampler's own."""
    found = {}
    for name in ("even", "own"):
        points = {}
        for condition, own in module.points.items():
            even = module.residuals.conditions[condition].on.sample(RANK_POINTS, seed=1)
            some = own.select(slice(0, None, max(1, len(own) // RANK_POINTS)))
            points[condition] = even if name == "even" else some
        try:
            kernel = Tangent(module.residuals, points).gram()
        except ValueError:  # a network too steep for J to be checked by differences
            continue
        found[f"rank_{name}"] = float(effective_rank(kernel))
    return found
