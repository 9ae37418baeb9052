"""Solves problems that have equations and an energy by both, and those with an energy by that."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

from pdenet.catalogue import find
from pdenet.record import Record
from pdenet.run import solve
from pdenet.solvers.ritz.integration import energy_indicators

PROBLEMS = (
    "poisson-1d",
    "poisson-2d",
    "poisson-neumann",
    "poisson-robin",
    "biharmonic-plate",
    "p-laplacian",
    "laplace-eigenvalue-square",
    "radial-hydrogen",
)


def options(parser: argparse.ArgumentParser) -> None:
    """Adds the suite's options."""
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    # Steps, not seconds: what is reached shall not depend on what else the machine does.
    parser.add_argument("--max-steps", type=int, default=2000, help="of training, each")


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
                yield _one(name, solver, seed, arguments.max_steps)


def _one(name: str, solver: str, seed: int, steps: int) -> dict[str, Any]:
    start = time.process_time()
    solution = solve(name, solver, seed=seed, max_steps=steps, max_seconds=None, compile="no")
    used = time.process_time() - start
    plain = json.loads(solution.record.to_json())
    del plain["curve"]
    print(f"{name} by {solver}: {solution.record.worst_error}, {used:.0f} s", file=sys.stderr)
    return {**plain, "processor_seconds": used, "energy": _energy(solution.record, solution)}


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
    """Error, seconds and energy of every problem by every method.

    Args:
        record: The records of all runs.

    Returns:
        A Markdown table.
    """
    lines = [
        "Both methods stop at the problem's target. Energies are taken on rules finer than the "
        "training points; the gap is what an energy is above the exact minimum, relative.\n",
        "| problem | method | relative L2 error, worst field | processor seconds | steps | "
        "energy | energy gap | verdict |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in record["rows"]:
        worst = max(field["relative_l2"] for field in (row["errors"] or {}).values())
        energy = row["energy"]
        gap = energy.get("gap")
        relative = "unknown" if gap is None else f"{gap / abs(energy['exact']):.1e}"
        cells = [row["problem"]["name"], row["solver"]["name"], f"{worst:.1e}",
                 f"{row['processor_seconds']:.0f}", str(row["steps"]), f"{energy['value']:.6g}",
                 relative, row["verdict"]]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
