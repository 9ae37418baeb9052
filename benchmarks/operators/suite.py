"""DeepONets of the same sizes on the same data and steps: ours against DeepXDE's.

Contenders train in turn, a stretch of steps each, so that drift of the machine hits all alike.
Seconds are CPU seconds of a step; memory is what the largest step held, above what it started from.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pdenet.catalogue import find
from pdenet.functions import Ensemble
from pdenet.operator_errors import operator_error
from pdenet.problem import Problem

WIDTH, BASIS, FUNCTIONS, BATCH, LEARNING_RATE = 40, 40, 150, 50, 1e-3
CASES: dict[str, tuple[Callable[[], Problem], str, int]] = {
    "antiderivative, data": (find("antiderivative").build, "data", 100),
    "antiderivative, physics": (find("antiderivative").build, "physics", 100),
    "reaction-diffusion, data": (find("reaction-diffusion-operator").build, "data", 400),
    "reaction-diffusion, physics": (find("reaction-diffusion-operator").build, "physics", 100),
}
"""Problem, what is learned from, points of a step."""


@dataclass(frozen=True)
class Case:
    """What every contender gets.

    Args:
        name: Of the case.
        problem: The problem.
        mode: data or physics.
        x: Points of a step, shape (n, d), float32.
        seen: Values of the training functions at sensors, shape (m, s).
        values: Solutions at the points, shape (m, n).
        inputs: Values of the functions at the points, shape (m, n).
    """

    name: str
    problem: Problem
    mode: str
    x: np.ndarray
    seen: np.ndarray
    values: np.ndarray
    inputs: np.ndarray


@dataclass(frozen=True)
class Contender:
    """Something that trains.

    Args:
        train: Takes a number of steps.
        predict: Maps sensor values (m, s) and points (n, d) to values (m, n).
    """

    train: Callable[[int], None]
    predict: Callable[[np.ndarray, np.ndarray], np.ndarray]


def options(parser: argparse.ArgumentParser) -> None:
    """Adds the suite's options."""
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--steps", type=int, default=1000, help="of learning from data")
    parser.add_argument("--physics-steps", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)


def run(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Trains every contender on every case.

    Args:
        arguments: The suite's options.

    Yields:
        One row a case and contender.
    """
    from benchmarks.operators import deepxde_operators, our_operators

    for name in arguments.cases:
        case = _case(name)
        total = arguments.steps if case.mode == "data" else arguments.physics_steps
        contenders = {
            "pdenet": our_operators.plain(case),
            "pdenet, principal components": our_operators.encoded(case),
            "DeepXDE": deepxde_operators.deepxde(case),
        }
        yield from _measure(case, contenders, total, arguments.rounds)


def _case(name: str) -> Case:
    build, mode, n = CASES[name]
    problem = build()
    ensemble = Ensemble.training(problem.inputs, FUNCTIONS, seed=0)
    points = problem.domain.sample(n, seed=0, method="sobol").x
    reference: Any = problem.reference
    v = ensemble.functions["v"]
    return Case(
        name,
        problem,
        mode,
        points.numpy().astype(np.float32),
        ensemble.seen["v"].numpy().astype(np.float32),
        reference.solutions(ensemble.functions, points)["u"].numpy().astype(np.float32),
        v(points[:, :1]).T.numpy().astype(np.float32),
    )


def _measure(
    case: Case, contenders: dict[str, Contender], total: int, rounds: int
) -> Iterator[dict[str, Any]]:
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    memory = dict.fromkeys(contenders, 0.0)
    for _ in range(rounds):
        for name, contender in contenders.items():
            before, start = _peak(), time.process_time()
            contender.train(total // rounds)
            seconds[name].append((time.process_time() - start) / (total // rounds))
            memory[name] += _peak() - before
    for name, contender in contenders.items():
        row = {
            "case": case.name,
            "contender": name,
            "steps": total,
            "error": _error(case.problem, contender),
            "seconds": statistics.median(seconds[name]),
            "fastest": min(seconds[name]),
            "slowest": max(seconds[name]),
            "memory_mib": memory[name],
        }
        print(f"{case.name:30s} {name:30s} {row['error']:.2e} {1e3 * row['seconds']:.1f} ms",
              file=sys.stderr)  # fmt: skip
        yield row


def _peak() -> float:
    """Largest memory that the process held so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _error(problem: Problem, contender: Contender) -> float:
    """Mean relative L2 error over functions that nothing was trained on."""
    ensemble = Ensemble.unseen(problem.inputs, 100)
    points = problem.domain.quadrature(1000)
    reference: Any = problem.reference
    exact = reference.solutions(ensemble.functions, points.x)["u"]
    seen = ensemble.seen["v"].numpy().astype(np.float32)
    found = contender.predict(seen, points.x.numpy().astype(np.float32))
    return operator_error(torch.as_tensor(found).double(), exact, points.weight).relative_l2


def table(record: dict[str, Any]) -> str:
    """The Markdown table of a record.

    Args:
        record: What :func:`run` gave.

    Returns:
        One line a case and contender.
    """
    lines = [
        "| case | contender | steps | mean relative L2 error | CPU ms a step | against DeepXDE |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    rivals = {r["case"]: r["seconds"] for r in record["rows"] if r["contender"] == "DeepXDE"}
    for row in record["rows"]:
        ratio = rivals[row["case"]] / row["seconds"] if row["case"] in rivals else float("nan")
        cells = [row["case"], row["contender"], str(row["steps"]), f"{row['error']:.1e}",
                 f"{1e3 * row['seconds']:.1f}", f"{ratio:.1f}"]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
