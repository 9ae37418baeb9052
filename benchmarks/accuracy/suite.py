"""Solves the goal problems with their own settings, each in a process of its own."""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from benchmarks.accuracy.settings import GOALS, Goal
from pdenet.catalogue import find
from pdenet.networks import HardConstraint
from pdenet.run import solve
from pdenet.solution import Solution

STAGE = 0.1  # of the seconds for each problem that comes before


def options(parser: argparse.ArgumentParser) -> None:
    """Adds the suite's options."""
    parser.add_argument("--goals", nargs="+", choices=GOALS, metavar="GOAL", default=list(GOALS),
                        help="; ".join(GOALS))  # fmt: skip
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(5)))
    parser.add_argument("--minutes", type=float, default=30.0, help="at most, each goal and seed")
    parser.add_argument("--max-steps", type=int, help="of training, each; to try it out")


def run(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Solves goal after goal.

    Args:
        arguments: The suite's options.

    Yields:
        One row a goal and seed.
    """
    for name, seed in itertools.product(arguments.goals, arguments.seeds):
        row = reached(GOALS[name], seed, 60 * arguments.minutes, arguments.max_steps)
        print(f"{name} {seed}: {row['error']} {row['stopped_by']}", file=sys.stderr)
        yield row


def reached(goal: Goal, seed: int, seconds: float, max_steps: int | None = None) -> dict[str, Any]:
    """What a goal's settings come to in a fresh process, whatever becomes of it.

    Args:
        goal: The goal.
        seed: Seed of everything.
        seconds: Training seconds by the clock.
        max_steps: Steps of training, or None.

    Returns:
        Its row; where the process broke off, ``stopped_by`` says why.
    """
    row = {"goal": goal.name, "wanted": goal.error, "published": goal.published, "seed": seed}
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as pool:
        try:
            return row | pool.submit(solved, goal.name, seed, seconds, max_steps).result()
        except (BrokenProcessPool, ValueError, RuntimeError) as error:
            reason = f"{type(error).__name__}: {str(error)[:200]}"
            return row | {"error": None, "stopped_by": reason}


def solved(name: str, seed: int, seconds: float, max_steps: int | None) -> dict[str, Any]:
    """Solves a goal's problem, after those that come before it.

    Args:
        name: Of the goal.
        seed: Seed of everything.
        seconds: Training seconds by the clock.
        max_steps: Steps of training, or None.

    Returns:
        Errors, seconds, memory and settings, as plain data.
    """
    goal = GOALS[name]
    wall, cpu = time.perf_counter(), time.process_time()
    options = dict(goal.options)
    share = seconds * STAGE
    for parameters in goal.before:
        earlier = _solve(goal, parameters, options, seed, share, max_steps)
        options["network"] = network_of(earlier)
    rest = seconds - share * len(goal.before)
    solution = _solve(goal, goal.parameters, options, seed, rest, max_steps)
    record = solution.record
    return {
        "error": record.worst_error,
        "errors": record.errors,
        "reference": getattr(solution.problem.reference, "tolerance", None),
        "stopped_by": record.stopped_by,
        "steps": record.steps,
        "parameters": record.parameters,
        "cpu_seconds": time.process_time() - cpu,
        "seconds": time.perf_counter() - wall,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "settings": described(goal),
    }


def _solve(
    goal: Goal,
    parameters: Mapping[str, Any],
    options: Mapping[str, Any],
    seed: int,
    seconds: float,
    max_steps: int | None,
) -> Solution:
    return solve(
        find(goal.problem).build(**parameters),
        **options,
        seed=seed,
        max_seconds=seconds,
        max_steps=max_steps,
        target_error=goal.stop_at or goal.error,
    )


def network_of(solution: Solution) -> Any:
    """The network of a solution, without the conditions that its form imposes.

    Args:
        solution: A solution.

    Returns:
        A module to start another problem from; the next one imposes its own conditions.
    """
    model = solution.residuals.model.train()
    return model.network if isinstance(model, HardConstraint) else model


def described(goal: Goal) -> str:
    """A goal's settings in one line.

    Args:
        goal: The goal.

    Returns:
        Names with their arguments.
    """
    parts = []
    for key, value in goal.options.items():
        if isinstance(value, Mapping):
            inside = ", ".join(f"{k} {v}" for k, v in value.items() if k != "name")
            parts.append(f"{value['name']} ({inside})")
        else:
            parts.append(str(value) if key == "solver" else f"{key} {value}")
    stages = (", ".join(f"{k} {v:g}" for k, v in stage.items()) for stage in goal.before)
    return ", ".join([*parts, *(f"after {stage}" for stage in stages)])


def table(record: dict[str, Any]) -> str:
    """Goals beside what was reached.

    Args:
        record: The records of all runs.

    Returns:
        A Markdown table: medians over seeds with their range.
    """
    lines = [
        "Relative L2 errors of the worst field, medians over seeds with their range. Training ends "
        f"at the goal, or after {record['options']['minutes']:g} minutes; windows of time train "
        "until their share is spent. Settings and sources of the records: "
        "`benchmarks/accuracy/settings.py`.\n",
        "| problem | goal | published record | reached | seeds at the goal | CPU seconds | "
        "parameters | memory, MiB | reference | settings |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in dict.fromkeys(row["goal"] for row in record["rows"]):
        mine = [row for row in record["rows"] if row["goal"] == name]
        lines.append(_line(name, mine))
    return "\n".join(lines)


def _line(name: str, rows: list[dict[str, Any]]) -> str:
    good = [row for row in rows if row["error"] is not None]
    head = [name, f"{rows[0]['wanted']:.0e}", rows[0]["published"]]
    if not good:
        return "| " + " | ".join([*head, rows[0]["stopped_by"], *[""] * 6]) + " |"
    errors = sorted(row["error"] for row in good)
    middle = f"{statistics.median(errors):.1e}"
    spread = f" ({errors[0]:.0e} to {errors[-1]:.0e})" if len(errors) > 1 else ""
    met = sum(error <= rows[0]["wanted"] for error in errors)
    reference = good[0]["reference"]
    cells = [
        *head,
        middle + spread,
        f"{met} of {len(rows)}",
        f"{statistics.median(row['cpu_seconds'] for row in good):.0f}",
        str(good[0]["parameters"]),
        f"{max(row['peak_mib'] for row in good):.0f}",
        "exact" if not reference else f"{reference:.0e}",
        good[0]["settings"],
    ]
    return "| " + " | ".join(cells) + " |"
