"""Solves problems that have equations and an energy by both, and those with an energy by that."""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytorch_lightning as pl

from benchmarks.runs import kept
from pdenet.catalogue import find
from pdenet.record import Record
from pdenet.run import solve
from pdenet.solvers import Solver
from pdenet.solvers.ritz.integration import energy_indicators

PROBLEMS = ("poisson-1d", "poisson-2d", "poisson-interface", "p-laplacian", "obstacle")
MOST_STEPS = 100_000  # the seconds end runs before


def options(parser: argparse.ArgumentParser) -> None:
    """Adds the suite's options."""
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    # Of the processor, so that what is reached does not depend on what else the machine does.
    parser.add_argument("--cpu-seconds", type=float, default=20.0, help="of training, each")


def run(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Solves problem after problem, by every method that it has.

    Args:
        arguments: The suite's options.

    Yields:
        Records, without their curves, with the seconds of processor time.
    """
    for name in arguments.problems:
        for solver in ("pinn", "deep-ritz") if find(name).build().has_equations else ("deep-ritz",):
            for seed in arguments.seeds:
                yield _one(name, solver, seed, arguments.cpu_seconds)


class ProcessorLimit(pl.Callback):
    """Ends training after seconds of processor time, and counts them.

    Args:
        seconds: How many.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds, self.used, self._start = seconds, 0.0, 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Starts the clock."""
        self._start = time.process_time()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        """Looks at the clock after each block of steps."""
        self.used = time.process_time() - self._start
        assert isinstance(pl_module, Solver)
        if self.used > self.seconds:
            pl_module.stop("max-seconds", f"{self.seconds:g} seconds of processor time are over")


def _one(name: str, solver: str, seed: int, seconds: float) -> dict[str, Any]:
    clock, ends = ProcessorLimit(seconds), {"max_seconds": None, "max_steps": MOST_STEPS}
    solution = solve(name, solver, callbacks=[clock], seed=seed, compile="no", **ends)
    plain = kept(solution.record)
    print(f"{name} by {solver}: {solution.record.worst_error}, {clock.used:.0f} s", file=sys.stderr)
    return {
        **plain,
        "processor_seconds": clock.used,
        "energy": _energy(solution.record, solution),
    }


def _energy(record: Record, solution: Any) -> dict[str, float]:
    """Energy of the solution on fine rules: of a PINN's too."""
    found = record.indicators.get("energy")
    if found is not None:
        return found
    terms = solution.problem.energy.terms
    return energy_indicators(
        solution.residuals, {n: c.on.quadrature(2500) for n, c in terms.items()}
    )


def table(record: dict[str, Any]) -> str:
    """Error, seconds and energy of every problem by every method, over the seeds.

    Args:
        record: The records of all runs.

    Returns:
        A Markdown table.
    """
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in record["rows"]:
        groups.setdefault((row["problem"]["name"], row["solver"]["name"]), []).append(row)
    lines = [
        "The same problem by the mean square of its residuals and by its energy, with what `auto` "
        "chooses for each. Both stop at the problem's target or when the processor seconds are "
        "over, measuring the error included. Energies are taken on rules finer than the training "
        "points, of the PINN's field too; the gap is how far an energy is above the exact minimum, "
        "relative. Errors are in L2, relative, of the worst field. Over several seeds: the "
        "median, and the range in brackets.\n",
        "| problem | method | optimizer | error | CPU seconds | steps | energy gap | solved |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (problem, method), rows in groups.items():
        gaps = [row["energy"]["gap"] / abs(row["energy"]["exact"]) for row in rows if _known(row)]
        cells = [
            problem,
            method,
            ", ".join(dict.fromkeys(row["optimizer"]["name"] for row in rows)),
            _range([_worst(row) for row in rows], ".1e"),
            _range([row["processor_seconds"] for row in rows], ".0f"),
            _range([row["steps"] for row in rows], ".0f"),
            _range(gaps, ".1e") if gaps else "minimum unknown",
            f"{sum(row['verdict'] == 'solved' for row in rows)} of {len(rows)}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _worst(row: dict[str, Any]) -> float:
    return max(field["relative_l2"] for field in row["errors"].values())


def _known(row: dict[str, Any]) -> bool:
    return "gap" in row["energy"]


def _range(values: list[float], form: str) -> str:
    """The median, and the range where it is more than one number."""
    middle, low, high = (f"{f(values):{form}}" for f in (statistics.median, min, max))
    return middle if low == high else f"{middle} ({low} to {high})"
