"""DeepONets of the same sizes on the same data and steps: ours against DeepXDE's.

Contenders train in turn, a stretch of steps each, so that drift of the machine hits all alike.
Seconds are CPU seconds of a step; memory is what a step takes above what the process holds between
steps, in a process of each contender's own.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchmarks.operators.memory import step_memory
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
    "Darcy flow, data": (find("darcy-2d").build, "data", 400),
}
"""Problem, what is learned from, points of a step."""
MEMORY_STEPS = 10
RIVAL = "DeepXDE"


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
    parser.add_argument("--steps", type=int, default=5000, help="of learning from data")
    parser.add_argument("--physics-steps", type=int, default=500, help="of learning from equations")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", choices=("yes", "no"), default="yes")


def run(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Trains every contender on every case.

    Args:
        arguments: The suite's options.

    Yields:
        One row a case and contender.
    """
    for name in arguments.cases:
        case = make_case(name)
        total = arguments.steps if case.mode == "data" else arguments.physics_steps
        contenders = {n: make(case) for n, make in makers().items()}
        for row in _measure(case, contenders, total, arguments.rounds):
            wanted = arguments.memory == "yes"
            memory = step_memory(name, row["contender"], MEMORY_STEPS) if wanted else None
            found = {**row, "memory_mib": memory}
            _tell(found)
            yield found


def makers() -> dict[str, Callable[[Case], Contender]]:
    """What builds each contender, by its name; DeepXDE comes with the extra `peers`."""
    from benchmarks.operators import deepxde_operators, our_operators

    return {
        "pdenet": our_operators.plain,
        "pdenet, principal components": our_operators.encoded,
        RIVAL: deepxde_operators.deepxde,
    }


def make_case(name: str) -> Case:
    """What every contender gets, the same in every process.

    Args:
        name: Of the case.

    Returns:
        The case.
    """
    build, mode, n = CASES[name]
    problem = build()
    ensemble = Ensemble.training(problem.inputs, FUNCTIONS, seed=0)
    points = problem.domain.sample(n, seed=0, method="sobol").x
    reference: Any = problem.reference
    v = ensemble.functions["v"]
    along = len(v.coordinates)  # the functions' coordinates are the problem's first ones
    return Case(
        name,
        problem,
        mode,
        points.numpy().astype(np.float32),
        ensemble.seen["v"].numpy().astype(np.float32),
        reference.solutions(ensemble.functions, points)["u"].numpy().astype(np.float32),
        v(points[:, :along]).T.numpy().astype(np.float32),
    )


def _measure(
    case: Case, contenders: dict[str, Contender], total: int, rounds: int
) -> Iterator[dict[str, Any]]:
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            start = time.process_time()
            contender.train(total // rounds)
            seconds[name].append((time.process_time() - start) / (total // rounds))
    for name, contender in contenders.items():
        yield {
            "case": case.name,
            "contender": name,
            "steps": total,
            "error": _error(case.problem, contender),
            "seconds": statistics.median(seconds[name]),
            "fastest": min(seconds[name]),
            "slowest": max(seconds[name]),
        }


def _tell(row: dict[str, Any]) -> None:
    seconds, memory = 1e3 * row["seconds"], _mebibytes(row["memory_mib"])
    said = f"{row['case']:28s} {row['contender']:29s} {row['error']:.2e}"
    print(f"{said} {seconds:.1f} ms {memory} MiB", file=sys.stderr)


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
    head = ("case", "contender", "steps", "mean relative L2 error", "CPU ms a step",
            "times as fast as DeepXDE", "memory of a step, MiB", "of DeepXDE's")  # fmt: skip
    rivals = {r["case"]: r for r in record["rows"] if r["contender"] == RIVAL}
    lines = [head, ("---",) * len(head)]
    for row in record["rows"]:
        rival = rivals.get(row["case"], {})
        speed = _ratio(rival.get("seconds"), row["seconds"])
        memory = _ratio(row["memory_mib"], rival.get("memory_mib"))
        lines.append((row["case"], row["contender"], str(row["steps"]), f"{row['error']:.1e}",
                      f"{1e3 * row['seconds']:.1f}", speed, _mebibytes(row["memory_mib"]),
                      memory))  # fmt: skip
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _ratio(a: float | None, b: float | None) -> str:
    return "-" if a is None or not b else f"{a / b:.2f}"


def _mebibytes(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
