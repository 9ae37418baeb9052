"""Published tables of the random feature method, and what the solver does with the catalogue."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.random_features.cases import cases, largest_error
from pdenet.catalogue import entries
from pdenet.linear_fit import is_linear, zero_solves
from pdenet.run import solve

AT_MOST = 30.0  # times the published error


def options(parser: argparse.ArgumentParser) -> None:
    """Adds the suite's options."""
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(5)))
    parser.add_argument("--largest", type=int, default=1600, help="features, up to 6400")
    parser.add_argument(
        "--problems", nargs="*", help="of the catalogue; all linear ones by default"
    )
    parser.add_argument("--max-seconds", type=float, default=60.0)
    parser.add_argument("--target-error", type=float, default=1e-10)


def run(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Solves entry after entry, then problem after problem.

    Args:
        arguments: The suite's options.

    Yields:
        One row an entry and seed, or a problem.
    """
    for case in cases(arguments.largest):
        for seed in arguments.seeds:
            start = time.process_time()
            found = largest_error(case, seed)
            row = {**vars(case), "seed": seed, **found, "seconds": time.process_time() - start}
            print({k: row[k] for k in ("table", "window", "features", "error")}, file=sys.stderr)
            yield row
    for name in _names(arguments.problems):
        start = time.process_time()
        solution = solve(
            name,
            "least-squares",
            max_seconds=arguments.max_seconds,
            target_error=arguments.target_error,
        )
        record = solution.record
        print(name, record.worst_error, record.stopped_by, file=sys.stderr)
        yield {
            "table": "catalogue",
            "problem": name,
            "error": record.worst_error,
            "seconds": time.process_time() - start,
            "stopped_by": record.stopped_by,
            "stop_reason": record.stop_reason,
            **{k: record.indicators["least_squares"][k] for k in ("columns", "rank", "linear")},
        }


def _names(wanted: list[str] | None) -> list[str]:
    """Problems whose rows are affine in the fields, and that have equations and a reference."""
    if wanted is not None:
        return wanted
    found = []
    for entry in entries():
        problem = entry.build()
        plain = problem.conditions and not problem.inputs and problem.reference is not None
        # Rows that zero fields satisfy are those of an eigenvalue problem, or of an obstacle's.
        if plain and is_linear(problem) and not zero_solves(problem):
            found.append(entry.name)
    return found


def table(record: dict[str, Any]) -> str:
    """Errors beside the published ones, medians over seeds; then the catalogue.

    Args:
        record: The records of all runs.

    Returns:
        Markdown tables.
    """
    rows = [row for row in record["rows"] if row["table"] != "catalogue"]
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        key = tuple(row[k] for k in ("table", "window", "features", "activation", "scale"))
        groups.setdefault(key, []).append(row)
    lines = [
        "Largest errors, medians over seeds with their range; the goal is at most 30 times the "
        "published error.\n",
        "| table | window | features | activation, R | error | published | ratio | rows | rank | "
        "seconds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (name, window, features, activation, scale), found in groups.items():
        errors = [row["error"] for row in found]
        median, published = float(np.median(errors)), found[0]["published"]
        ratio = median / published
        lines.append(
            f"| {name} | {window} | {features} | {activation}, {scale:g} | {median:.1e} "
            f"({min(errors):.0e} to {max(errors):.0e}) | {published:.2e} | {ratio:.2g}"
            f"{'' if ratio <= AT_MOST else ' (missed)'} | {found[0]['rows']} | "
            f"{np.median([row['rank'] for row in found]):.0f} | "
            f"{np.median([row['seconds'] for row in found]):.1f} |"
        )
    return "\n".join([*lines, "", *_catalogue(record["rows"])])


def _catalogue(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "Problems of the catalogue by `--solver least-squares`; seconds of one core, with those of "
        "reference and verdict.\n",
        "| problem | relative L2 error, worst field | seconds | coefficients | rank | ended |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row['problem']} | {row['error']:.1e} | {row['seconds']:.1f} | {row['columns']} | "
        f"{row['rank']} | {row['stop_reason']} |"
        for row in rows
        if row["table"] == "catalogue"
    ]
    return lines
