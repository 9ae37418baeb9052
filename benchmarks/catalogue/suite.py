"""Solves every problem of the catalogue as ``solve-problem NAME`` does, and keeps the records."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from pdenet.catalogue import entries
from pdenet.run import solve


def options(parser: argparse.ArgumentParser) -> None:
    """Adds the suite's options."""
    parser.add_argument("--problems", nargs="+", help="names; all by default")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--max-seconds", type=float, default=120.0)


def run(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Solves problem after problem.

    Args:
        arguments: The suite's options.

    Yields:
        Records, without their curves.
    """
    names = arguments.problems or [entry.name for entry in entries()]
    for name in names:
        for seed in arguments.seeds:
            record = solve(name, seed=seed, max_seconds=arguments.max_seconds).record
            plain = json.loads(record.to_json())
            del plain["curve"]
            print(f"{name} {seed}: {record.worst_error} {record.verdict}", file=sys.stderr)
            yield plain


def table(record: dict[str, Any]) -> str:
    """Error, seconds and verdict of every problem.

    Args:
        record: The records of all runs.

    Returns:
        A Markdown table: the median over seeds, with the range where there are several.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in record["rows"]:
        groups.setdefault(row["problem"]["name"], []).append(row)
    lines = [
        "| problem | relative L2 error, worst field | seconds | parameters | reference | verdict |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, rows in groups.items():
        seconds = np.median([row["seconds"]["training"] for row in rows])
        verdicts = sorted({row["verdict"] for row in rows})
        cells = [name, _errors(rows), f"{seconds:.0f}", str(rows[0]["parameters"]),
                 rows[0]["reference"] or "none", ", ".join(verdicts)]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _errors(rows: list[dict[str, Any]]) -> str:
    worst = [
        max(field["relative_l2"] for field in row["errors"].values())
        for row in rows
        if row["errors"]
    ]
    if not worst:
        return "not measured"
    spread = f" ({min(worst):.1e} to {max(worst):.1e})" if len(worst) > 1 else ""
    return f"{np.median(worst):.1e}{spread}"
