"""Solves every problem of the catalogue as ``solve-problem NAME`` does, and keeps the records.

The table in short form stands in the README, between two marks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.runs import kept
from pdenet.catalogue import entries
from pdenet.run import solve

README = Path(__file__).parents[2] / "README.md"
MARKS = "<!-- catalogue, by benchmarks -->\n", "\n<!-- end -->"
LEVELS = {1e-10: "below 1e-10", 1e-6: "1e-10 to 1e-6", 1e-4: "1e-6 to 1e-4", 1e-3: "1e-4 to 1e-3"}


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
            plain = kept(record)
            print(f"{name} {seed}: {record.worst_error} {record.verdict}", file=sys.stderr)
            yield plain


def table(record: dict[str, Any]) -> str:
    """Error, seconds and verdict of every problem.

    Args:
        record: The records of all runs.

    Returns:
        A Markdown table: the median over seeds, with the range where there are several.
    """
    groups = _by_problem(record)
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


def short(record: dict[str, Any]) -> str:
    """Problems by the error that they end with, and those that are not solved.

    Args:
        record: The records of all runs.

    Returns:
        A Markdown table.
    """
    lines = ["| relative L2 error, worst field | problems |", "| --- | --- |"]
    found: dict[str, list[str]] = {name: [] for name in [*LEVELS.values(), "above", "failed"]}
    for name, rows in _by_problem(record).items():
        error = float(np.median(_worst(rows) or [np.inf]))
        solved = sum(row["verdict"] == "solved" for row in rows) > len(rows) / 2
        level = next((words for bound, words in LEVELS.items() if error <= bound), "above")
        said = name if level in LEVELS.values() and solved else f"{name} {error:.0e}"
        found[level if solved else "failed"].append(said)
    found["above, solved to a target of its own"] = found.pop("above")
    found["target missed"] = found.pop("failed")
    lines += [f"| {words} | {', '.join(names)} |" for words, names in found.items() if names]
    return "\n".join(lines)


def publish(record: dict[str, Any]) -> None:
    """Puts the short table into the README.

    Args:
        record: The records of all runs.
    """
    text = README.read_text(encoding="utf-8")
    begin, end = (text.index(mark) for mark in MARKS)
    text = text[: begin + len(MARKS[0])] + short(record) + text[end:]
    README.write_text(text, encoding="utf-8")


def _by_problem(record: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in record["rows"]:
        groups.setdefault(row["problem"]["name"], []).append(row)
    return groups


def _worst(rows: list[dict[str, Any]]) -> list[float]:
    """The worst field's error of each run that has a reference."""
    return [
        max(field["relative_l2"] for field in row["errors"].values())
        for row in rows
        if row["errors"]
    ]


def _errors(rows: list[dict[str, Any]]) -> str:
    worst = _worst(rows)
    if not worst:
        return "not measured"
    spread = f" ({min(worst):.1e} to {max(worst):.1e})" if len(worst) > 1 else ""
    return f"{np.median(worst):.1e}{spread}"
