"""Published tables of the random feature method, and what the solver does with the catalogue."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.random_features.cases import cases, largest_error
from pdenet.accuracy import Comparison
from pdenet.catalogue import entries, find
from pdenet.linear_fit import is_linear, zero_solves
from pdenet.solvers import LeastSquares
from pdenet.solvers.features import summary

AT_MOST = 30.0  # times the published error
RECORD = Path(__file__).parents[1] / "records" / "random-features.json"
OWN = ("max_seconds", "target_error")  # other options say which rows there are, not how made


def options(parser: argparse.ArgumentParser) -> None:
    """Adds the suite's options."""
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(5)))
    parser.add_argument("--largest", type=int, default=1600, help="features, up to 6400")
    parser.add_argument(
        "--problems", nargs="*", help="of the catalogue; all linear ones by default"
    )
    parser.add_argument("--max-seconds", type=float, default=15.0, help="of one core, a problem")
    parser.add_argument("--target-error", type=float, default=1e-10)
    parser.add_argument(
        "--go-on", action="store_true", help="keep what the record has, and measure the rest"
    )


def run(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Solves entry after entry, then problem after problem.

    Args:
        arguments: The suite's options.

    Yields:
        One row an entry and seed, or a problem.
    """
    kept = _kept(arguments)
    for case in cases(arguments.largest):
        for seed in arguments.seeds:
            key = {**vars(case), "seed": seed}
            if (row := _find(kept, key)) is None:
                start = time.process_time()
                found = largest_error(case, seed)
                row = {**key, **found, "seconds": time.process_time() - start}
                print(case.table, case.window, case.features, row["error"], file=sys.stderr)
            yield row
    for name in _names(arguments.problems):
        key = {"table": "catalogue", "problem": name}
        if (row := _find(kept, key)) is None:
            row = {**key, **_solved(name, arguments.max_seconds, arguments.target_error)}
            print(name, row["error"], row["stop_reason"], file=sys.stderr)
        yield row


def _kept(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Rows of a run that broke off, of the same options."""
    path = arguments.out or RECORD
    if not arguments.go_on or not path.exists():
        return []
    data = json.loads(path.read_text(encoding="utf-8"))
    changed = [k for k in OWN if data["options"].get(k) != getattr(arguments, k)]
    if changed:
        raise SystemExit(f"{path} was made with other {', '.join(changed)}; leave out --go-on.")
    return data["rows"]


def _find(rows: list[dict[str, Any]], key: Mapping[str, Any]) -> dict[str, Any] | None:
    return next((row for row in rows if key.items() <= row.items()), None)


def _solved(name: str, seconds: float, target: float) -> dict[str, Any]:
    """What the solver makes of a problem within seconds of one core, its reference's not counted.

    The clock is that of the process, and trials are planned by counting operations: a busy machine
    measures the same.
    """
    problem = find(name).build()
    comparison = Comparison.of(problem)
    assert isinstance(comparison, Comparison), name
    start = time.process_time()
    search = LeastSquares(problem, seconds=seconds).search
    spent = time.process_time() - start
    error, ended, kind = float("inf"), "", ""
    while not ended:
        start = time.process_time()
        ending = search.step()
        spent += time.process_time() - start
        error = max(e.relative_l2 for e in comparison.errors(search.residuals).values())
        if error <= target and search.results:
            kind, ended = "target", f"the error is at most {target:g}"
        elif ending is not None:
            kind, ended = ending
        elif spent > seconds and search.results:
            kind, ended = "max-seconds", f"{seconds:g} seconds are over"
    found = {k: summary(search)[k] for k in ("columns", "rank", "linear")}
    return {"error": error, "seconds": spent, "stopped_by": kind, "stop_reason": ended, **found}


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
        "published error. E2 with 6400 features is left out by default: by the "
        "count of operations it takes some 50 times the seconds of 1600 (`--largest 6400`).\n",
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
        "All linear problems of the catalogue by the solver `least-squares` with its defaults and "
        "seed 0, up to the target or the bound on seconds. Seconds are those of one core, without "
        "the reference's.\n",
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
