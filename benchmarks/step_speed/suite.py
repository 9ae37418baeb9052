"""The protocol: all contenders in turn, round after round, so that drift hits all alike."""

from __future__ import annotations

import argparse
import gc
import itertools
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch

from benchmarks.step_speed.case import OPERATORS, Case, Steps

SIZES = (256, 2048, 16384)
PRECISIONS = (32, 64)
ROUNDS = 3
ROUND_SECONDS = 0.7  # a contender's turn; at least one step
TOO_LONG = 6.0  # seconds a step: measured in one round only


def options(parser: argparse.ArgumentParser) -> None:
    """Adds the suite's options."""
    parser.add_argument("--operators", nargs="+", choices=OPERATORS, default=OPERATORS)
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--precisions", nargs="+", type=int, default=PRECISIONS)
    parser.add_argument("--only", nargs="+", help="contenders; all by default")


def run(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Measures every case.

    Args:
        arguments: The suite's options.

    Yields:
        One row a case and contender: seconds of a step, median and spread over rounds.
    """
    warnings.simplefilter("ignore")
    grid = itertools.product(arguments.operators, arguments.precisions, arguments.sizes)
    for operator, precision, n in grid:
        yield from _measure(Case(operator, n, precision), arguments.only)


def _measure(case: Case, only: list[str] | None) -> Iterator[dict[str, Any]]:
    torch.set_default_dtype(case.dtype)
    steps: dict[str, Steps] = {}
    single: dict[str, float] = {}
    setup: dict[str, float] = {}
    for name, make in contenders().items():
        if only and name not in only:
            continue
        start = time.perf_counter()
        steps[name] = make(case)
        steps[name](2)  # compiles, warms up
        setup[name] = time.perf_counter() - start
        single[name] = min(steps[name](1))
    rounds: dict[str, list[float]] = {name: [] for name in steps}
    for k in range(ROUNDS):
        for name, run_steps in steps.items():
            if k and single[name] > TOO_LONG:
                continue
            count = min(50, max(1, int(ROUND_SECONDS / single[name])))
            rounds[name].append(statistics.median(run_steps(count)))
    for name, seconds in rounds.items():
        row = {
            "operator": case.operator,
            "precision": case.precision,
            "n": case.n,
            "contender": name,
            "seconds": statistics.median(seconds),
            "fastest": min(seconds),
            "slowest": max(seconds),
            "rounds": len(seconds),
            "setup_seconds": setup[name],
        }
        print(f"{case}  {name:22s} {1e3 * row['seconds']:9.2f} ms", file=sys.stderr)
        yield row
    steps.clear()
    torch._dynamo.reset()
    gc.collect()


def contenders() -> dict[str, Callable[[Case], Steps]]:
    """Ours first; the peers are imported here, since they come from an extra."""
    from benchmarks.step_speed import deepxde_steps, jax_steps, pina_steps, torch_steps

    return {
        "pdenet eager": torch_steps.pdenet_eager,
        "pdenet compiled": torch_steps.pdenet_compiled,
        "nested torch": torch_steps.nested_torch,
        "DeepXDE": deepxde_steps.deepxde,
        "PINA": pina_steps.pina,
        "JAX grad of grad": jax_steps.grad_of_grad,
        "JAX fwd over rev": jax_steps.forward_over_reverse,
        "JAX jet": jax_steps.jax_jets,
        "matrix products": torch_steps.matrix_products,
    }


def table(record: dict[str, Any]) -> str:
    """The Markdown table of a record.

    Args:
        record: What :func:`run` gave, with versions and machine.

    Returns:
        Milliseconds a step, one line a case, and our ratios to the others.
    """
    names = list(dict.fromkeys(row["contender"] for row in record["rows"]))
    cases: dict[tuple[Any, ...], dict[str, float]] = {}
    for row in record["rows"]:
        key = (row["operator"], row["precision"], row["n"])
        cases.setdefault(key, {})[row["contender"]] = 1e3 * row["seconds"]
    head = ["operator", "bits", "N", *names, "eager vs DeepXDE", "compiled vs DeepXDE",
            "compiled vs best JAX", "compiled vs products"]  # fmt: skip
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for (operator, bits, n), ms in cases.items():
        cells = [
            operator,
            str(bits),
            str(n),
            *(_cell(ms.get(name)) for name in names),
            *_ratios(ms),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds:.3g}"


def _ratios(ms: dict[str, float]) -> list[str]:
    jax = [value for name, value in ms.items() if name.startswith("JAX")]
    pairs = [
        (ms.get("DeepXDE"), ms.get("pdenet eager")),
        (ms.get("DeepXDE"), ms.get("pdenet compiled")),
        (min(jax, default=None), ms.get("pdenet compiled")),
        (ms.get("pdenet compiled"), ms.get("matrix products")),
    ]
    return [f"{a / b:.2f}" if a and b else "" for a, b in pairs]
