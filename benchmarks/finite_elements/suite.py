"""Plane elliptic problems by finite elements and by networks, on the same quadrature of errors."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.finite_elements.elements import CASES, refinements
from benchmarks.time_to_error.suite import measure
from pdenet.accuracy import Comparison
from pdenet.catalogue import find

DEGREES = (1, 2, 3, 4)
LEVELS = (1e-2, 1e-4, 1e-6, 1e-8, 1e-10)
NETWORKS = ("pdenet, auto", "pdenet, trained")
TARGET = 1e-15  # no network ends before its seconds are over, or before it is done by itself


def options(parser: argparse.ArgumentParser) -> None:
    """Adds the suite's options."""
    names = [case.problem for case in CASES]
    parser.add_argument("--problems", nargs="+", choices=names, default=names)
    parser.add_argument("--max-seconds", type=float, default=60.0, help="of CPU, each method")
    parser.add_argument("--most", type=int, default=400_000, help="degrees of freedom")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="of the networks")


def run(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Solves every problem on finer and finer meshes, then by networks.

    Args:
        arguments: The suite's options.

    Yields:
        One row a problem and method, with errors over seconds.
    """
    for case in CASES:
        if case.problem not in arguments.problems:
            continue
        comparison = Comparison.of(find(case.problem).build(**case.parameters))
        assert isinstance(comparison, Comparison)
        for degree in DEGREES:
            looks = list(
                refinements(case, degree, comparison, arguments.max_seconds, arguments.most)
            )
            columns = {k: [look[k] for look in looks] for k in looks[0]}
            row = {"problem": case.problem, "method": f"P{degree}", "seed": None, **columns}
            _say(row)
            yield row
        for seed, network in itertools.product(arguments.seeds, NETWORKS):
            row = measure(
                case.problem, network, seed, arguments.max_seconds, TARGET, case.parameters
            )
            row["method"] = row.pop("contender")
            _say(row)
            yield row


def _say(row: dict[str, Any]) -> None:
    best = min(row["error"], default=float("inf"))
    print(f"{row['problem']:18s} {row['method']:16s} {best:.1e}", file=sys.stderr)


def table(record: dict[str, Any]) -> str:
    """CPU seconds to levels of error by every method, and who is first.

    Args:
        record: The records of all runs.

    Returns:
        Markdown tables.
    """
    rows = record["rows"]
    parts = [
        "CPU seconds to a relative L2 error, by one quadrature for all. Finite elements: mesh, "
        "assembly and solution on one mesh each time, the first mesh that is fine enough; "
        "scikit-fem with a sparse direct solver, meshes refined as a whole, those of the L-shape "
        "also towards its corner. Networks: from building to the first look at or below the "
        "level. A dash: not "
        f"reached within {record['options']['max_seconds']:g} CPU seconds or "
        f"{record['options']['most']} degrees of freedom.\n\n"
        "![error against CPU seconds](finite-elements.png)"
    ]
    for problem in dict.fromkeys(row["problem"] for row in rows):
        mine = [row for row in rows if row["problem"] == problem]
        parts.append(_block(problem, mine))
    return "\n\n".join(parts)


def seconds_to(row: dict[str, Any], level: float) -> float | None:
    """Fewest CPU seconds that came to an error at or below a level.

    Args:
        row: A method's row.
        level: Relative L2 error.

    Returns:
        Seconds, or None if it was never reached.

    Example:
        >>> seconds_to({"cpu": [1.0, 4.0, 3.0], "error": [0.1, 0.01, 0.01]}, 0.05)
        3.0
    """
    pairs = zip(row["cpu"], row["error"], strict=True)
    return min((seconds for seconds, error in pairs if error <= level), default=None)


def _block(problem: str, rows: list[dict[str, Any]]) -> str:
    head = ["method", *(f"{level:.0e}" for level in LEVELS), "best error", "at CPU seconds"]
    lines = [f"## {problem}\n", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for row in rows:
        name = row["method"] + (f", seed {row['seed']}" if row["seed"] else "")
        lines.append("| " + " | ".join([name, *_cells(row)]) + " |")
    return "\n".join([*lines, "", _verdict(rows)])


def _cells(row: dict[str, Any]) -> list[str]:
    times = [seconds_to(row, level) for level in LEVELS]
    if not row["error"]:
        return ["-"] * len(LEVELS) + ["none", row.get("ended", "-")]
    best = min(row["error"])
    return [
        *("-" if t is None else f"{t:.2g}" for t in times),
        f"{best:.1e}",
        f"{seconds_to(row, best):.2g}",
    ]


def _verdict(rows: list[dict[str, Any]]) -> str:
    """Who is first to each level, in words made of the numbers."""
    said = []
    for level in LEVELS:
        times = {r["method"]: t for r in rows if (t := seconds_to(r, level)) is not None}
        if times:
            first = min(times, key=lambda name: times[name])
            said.append(f"{level:.0e} by {first}")
    return f"First to {'; '.join(said)}." if said else "No level was reached."


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draws error against CPU seconds, one panel a problem.

    Args:
        rows: Rows of all methods.
        path: The png.
    """
    from matplotlib.figure import Figure

    problems = list(dict.fromkeys(row["problem"] for row in rows))
    names = list(dict.fromkeys(row["method"] for row in rows))
    figure = Figure(figsize=(4.2 * min(2, len(problems)), 3.4 * -(-len(problems) // 2)),
                    layout="constrained")  # fmt: skip
    panels = figure.subplots(-(-len(problems) // 2), min(2, len(problems)), squeeze=False).ravel()
    handles = {}
    for panel, problem in zip(panels, problems, strict=False):
        for row in (row for row in rows if row["problem"] == problem and row["cpu"]):
            network = row["seed"] is not None
            errors = list(itertools.accumulate(row["error"], min)) if network else row["error"]
            (line,) = panel.loglog(row["cpu"], errors, "-" if len(errors) > 20 else "o-", ms=3,
                                   lw=1.3, color=f"C{names.index(row['method'])}")  # fmt: skip
            handles[row["method"]] = line
        panel.set(title=problem, xlabel="CPU seconds", ylabel="relative L2 error")
        panel.grid(alpha=0.3)
    for panel in panels[len(problems) :]:
        panel.set_visible(False)
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=3)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110)
