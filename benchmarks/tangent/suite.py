"""CPU seconds of one thread, all contenders in turn, round after round.

Clocks on the wall measure the neighbours of a shared machine; the process's own CPU time does not,
as long as contenders alternate.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from pdenet import Problem
from pdenet.catalogue import find
from pdenet.networks import MLP
from pdenet.optim.damped import Orthogonal
from pdenet.residuals import Residuals
from pdenet.tangent import Tangent
from pdenet.tangent.general import RowsOf, jacobian

PROBLEMS = ("poisson-2d", "burgers")
WIDTHS = (30, 69, 96)  # three hidden layers of so many neurons
POINTS = 4000
DEPTH, ROUNDS = 3, 3
LARGEST = 15_000  # columns up to which J^T J is made, and J by torch.func
CHUNK = 100  # points at once under torch.func: more are slower

Work = Callable[[], Any]


def options(parser: argparse.ArgumentParser) -> None:
    """Adds the suite's options."""
    parser.add_argument("--problems", nargs="+", default=PROBLEMS)
    parser.add_argument("--widths", nargs="+", type=int, default=WIDTHS)
    parser.add_argument("--points", type=int, default=POINTS)


def run(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Measures every case.

    Args:
        arguments: The suite's options.

    Yields:
        One row a case and contender: CPU seconds, median and spread over rounds.
    """
    warnings.simplefilter("ignore")
    threads, before = torch.get_num_threads(), torch.get_default_dtype()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    try:
        for problem, width in itertools.product(arguments.problems, arguments.widths):
            yield from _measure(problem, width, arguments.points)
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(before)


def _measure(problem: str, width: int, n: int) -> Iterator[dict[str, Any]]:
    work, parameters = contenders(find(problem).build(), width, n)
    for contender in work.values():
        contender()  # memory, caches
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for k in range(ROUNDS):
        for name, contender in work.items():
            if k and name == "J by vmap":
                continue  # half a minute
            start = time.process_time()
            contender()
            seconds[name].append(time.process_time() - start)
    for name, found in seconds.items():
        row = {
            "problem": problem,
            "width": width,
            "n": n,
            "parameters": parameters,
            "what": name,
            "seconds": statistics.median(found),
            "fastest": min(found),
            "slowest": max(found),
            "rounds": len(found),
        }
        print(f"{problem} {width:4d}  {name:20s} {row['seconds']:8.3f} s", file=sys.stderr)
        yield row


def contenders(problem: Problem, width: int, n: int) -> tuple[dict[str, Work], int]:
    """What is measured, on the interior condition of a problem.

    Args:
        problem: The problem.
        width: Neurons of a layer.
        n: Points.

    Returns:
        Work by name, and the number of columns of J.
    """
    residuals = Residuals(problem, MLP(2, 1, width=width, depth=DEPTH, seed=0))
    name = residuals.names[0]
    points = residuals.conditions[name].on.sample(n, seed=0)
    tangent = Tangent(residuals, {name: points}, 2**33)
    batch, trained = residuals.batch(name, points), list(residuals.parameters())
    buffer = torch.empty(tangent.shape)
    kept = tangent.linearize()
    v, w = torch.ones(tangent.shape[1]), torch.ones(tangent.shape[0])

    def loss_and_gradient() -> None:
        loss = 0.5 * residuals.rows(name, batch).square().mean()
        torch.autograd.grad(loss, trained)

    work: dict[str, Work] = {
        "loss and gradient": loss_and_gradient,
        "writing": lambda: buffer.fill_(1.0),
        "J": lambda: tangent.linearize().dense(buffer),
        "K": lambda: kept.gram(),
        "J J^T": lambda: buffer @ buffer.T,
        "kept J v and J^T w": lambda: (kept.jvp(v), kept.vjp(w)),
        "J v and J^T w": lambda: (buffer @ v, w @ buffer),
    }
    if tangent.shape[1] <= LARGEST:
        rows = RowsOf(residuals, name)
        work["J by vmap"] = lambda: jacobian(rows, batch, CHUNK)
    if tangent.shape[1] <= n:
        work["J^T J and J^T z"] = lambda: tangent.linearize().normal()
        work["Gauss-Newton step"] = lambda: _step(*tangent.linearize().normal())
        work["the same by QR"] = lambda: _orthogonal_step(tangent)
    return work, tangent.shape[1]


def _step(matrix: Tensor, gradient: Tensor) -> Tensor:
    """The damped step by Cholesky."""
    matrix.diagonal().add_(1e-8 * float(matrix.diagonal().max()))
    return torch.cholesky_solve(gradient[:, None], torch.linalg.cholesky(matrix))


def _orthogonal_step(tangent: Tangent) -> object:
    """The damped step by QR of J, with the rows beside it."""
    kept = tangent.linearize()
    z, dense = kept.values(), kept.dense()
    return Orthogonal(dense, z, dense.T @ z).solve(1e-8)


COLUMNS = (
    "loss and gradient",
    "writing",
    "J",
    "J by vmap",
    "J^T J and J^T z",
    "Gauss-Newton step",
    "the same by QR",
    "K",
    "J J^T",
    "kept J v and J^T w",
    "J v and J^T w",
)


def table(record: dict[str, Any]) -> str:
    """The Markdown table of a record.

    Args:
        record: What :func:`run` gave, with versions and machine.

    Returns:
        CPU seconds, one line a case, and ratios.
    """
    cases: dict[tuple[Any, ...], dict[str, float]] = {}
    for row in record["rows"]:
        key = (row["problem"], row["n"], row["parameters"])
        cases.setdefault(key, {})[row["what"]] = row["seconds"]
    ratios = ("J / (gradient + writing)", "vmap / J", "J J^T / K")
    head = ["problem", "N", "P", *COLUMNS, *ratios]
    lines = [
        "CPU seconds of one thread, float64; medians of alternating rounds. J is written into a "
        "buffer that is there already.",
        "",
        "| " + " | ".join(head) + " |",
        "|" + " --- |" * len(head),
    ]
    for case, found in cases.items():
        both = found["loss and gradient"] + found["writing"]
        shares = [
            (found["J"], both),
            (found.get("J by vmap"), found["J"]),
            (found["J J^T"], found["K"]),
        ]
        cells = [*map(str, case), *(_cell(found.get(c)) for c in COLUMNS)]
        cells += [f"{a / b:.2f}" if a is not None else "" for a, b in shares]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.3g}"
