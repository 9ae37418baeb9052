"""CPU seconds to relative L2 errors, one process a contender, one after the other."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from math import inf, isfinite
from pathlib import Path
from typing import Any

from benchmarks.time_to_error.cases import CASES
from benchmarks.time_to_error.contestant import CONTENDERS

OURS, GOAL = "pdenet, auto", 1e-4
LEVELS = (1e-2, 1e-3, 1e-4, 1e-6)
CAPS = {"poisson-2d": 60, "helmholtz-2d": 120, "wave-1d": 60, "kovasznay": 60, "burgers": 300,
        "allen-cahn": 330}  # fmt: skip
"""CPU seconds that a contender has: at least twenty times what pdenet takes to an error of 1e-4."""
SLOW, PATIENCE = 3.0, 300.0
"""Seconds by the clock a CPU second may take, and those for loading packages."""


def options(parser: argparse.ArgumentParser) -> None:
    """Adds the suite's options."""
    parser.add_argument("--problems", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument(
        "--max-seconds", type=float, help="of CPU, each contender; a default for each problem"
    )


def run(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Lets every contender train on every problem.

    Args:
        arguments: The suite's options.

    Yields:
        One row a problem, seed and contender, with its curve of errors over seconds.
    """
    for seed, problem, contender in itertools.product(
        arguments.seeds, arguments.problems, arguments.contenders
    ):
        row = measure(problem, contender, seed, arguments.max_seconds or CAPS[problem])
        best = min(row["error"], default=float("inf"))
        print(f"{problem:14s} {contender:25s} {best:.1e}  {row['ended']}", file=sys.stderr)
        yield row


def measure(
    problem: str,
    contender: str,
    seed: int,
    cap: float,
    target: float = LEVELS[-1],
    parameters: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """One contender on one problem, whatever becomes of it.

    Args:
        problem: Name in the catalogue; for other packages one of the cases.
        contender: Name of the contender.
        seed: Its seed.
        cap: CPU seconds that it has.
        target: Error at which it is through.
        parameters: Of the problem, for contenders that take the catalogue's.

    Returns:
        Its row; ``ended`` says why where it broke off.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "looks.jsonl"
        asked = {"problem": problem, "parameters": dict(parameters or {}), "contender": contender,
                 "seed": seed, "cap": cap, "target": target, "path": str(path)}  # fmt: skip
        command = [sys.executable, "-m", "benchmarks.time_to_error.contestant", json.dumps(asked)]
        patience = SLOW * cap + PATIENCE
        try:
            done = subprocess.run(
                command,
                timeout=patience,
                cwd=folder,
                env=_environment(),
                capture_output=True,
                text=True,
                check=False,
            )
            trouble = _last_line(done.stderr) if done.returncode else None
        except subprocess.TimeoutExpired:
            trouble = f"killed after {patience:g} seconds by the clock"
        row = {"problem": problem, "contender": contender, "seed": seed, "cap": cap}
        return {**row, **_read(path, trouble)}


def _environment() -> dict[str, str]:
    """That of this process, where this package is found from any folder."""
    root = str(Path(__file__).parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "DDE_BACKEND": "pytorch"}


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return f"broke off: {lines[-1][:200]}" if lines else "broke off without a word"


def _read(path: Path, trouble: str | None) -> dict[str, Any]:
    """What a contender wrote, up to where it came."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    lines: list[dict[str, Any]] = []
    for line in text.splitlines():
        try:
            lines.append(json.loads(line))
        except json.JSONDecodeError:
            break  # it was killed while it wrote
    looks = [line for line in lines if line.get("error") is not None]
    said = {k: line[k] for line in lines for k in ("settings", "ended") if k in line}
    return {
        "settings": said.get("settings", ""),
        "ended": trouble or said.get("ended", "broke off"),
        **{k: [look[k] for look in looks] for k in ("cpu", "wall", "error")},
    }


def seconds_to(row: dict[str, Any], level: float, clock: str = "cpu") -> float | None:
    """Seconds after which an error was first seen at or below a level.

    Args:
        row: A contender's row.
        level: Relative L2 error.
        clock: cpu or wall.

    Returns:
        Seconds, or None if it was never reached.

    Example:
        >>> row = {"cpu": [1.0, 2.0, 3.0], "error": [0.1, 0.01, 0.02]}
        >>> seconds_to(row, 0.01), seconds_to(row, 1e-3)
        (2.0, None)
    """
    pairs = zip(row[clock], row["error"], strict=True)
    return next((seconds for seconds, error in pairs if error <= level), None)


def table(record: dict[str, Any]) -> str:
    """Seconds to every level, one block a problem.

    Args:
        record: The records of all runs.

    Returns:
        Markdown tables.
    """
    rows = record["rows"]
    parts = [
        "CPU seconds from building to the first look at which the relative L2 error of the worst "
        "field was at most the level, in brackets by the clock; packages are loaded and errors "
        "measured outside that time, by one quadrature for all. A dash: not reached within the "
        "CPU seconds allowed. Each contender has the settings that its package documents, see "
        "`benchmarks/time_to_error`; several seeds are one line each.\n\n"
        "![error against CPU seconds](time-to-error.png)"
    ]
    blocks = {
        problem: [row for row in rows if row["problem"] == problem]
        for problem in dict.fromkeys(row["problem"] for row in rows)
    }
    parts.append(_sooner(blocks))
    return "\n\n".join([*parts, *(_block(problem, mine) for problem, mine in blocks.items())])


def _sooner(blocks: dict[str, list[dict[str, Any]]]) -> str:
    """How many times sooner the first contender comes to the goal's level than each other."""
    others = list(CONTENDERS)[1:]
    lines = [
        f"How many times sooner `{OURS}` is at {GOAL:.0e} than the others, by medians over seeds; "
        "more than so many times (>) where a contender is not there when its seconds are over.\n",
        "| " + " | ".join(["problem", f"{OURS}, seconds", *others]) + " |",
        "|" + " --- |" * (len(others) + 2),
    ]
    for problem, rows in blocks.items():
        ours = _median_seconds(rows, OURS)[0]
        cells = [problem, f"{ours:.2g}" if isfinite(ours) else "-"]
        for other in others:
            seconds, cap = _median_seconds(rows, other)
            shown = f"{seconds / ours:.0f}" if isfinite(seconds) else f"> {cap / ours:.0f}"
            cells.append(shown if cap and isfinite(ours) else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _median_seconds(rows: list[dict[str, Any]], contender: str) -> tuple[float, float]:
    """Seconds to the goal's level, infinite where it was not reached, and the cap; 0 if absent."""
    mine = [row for row in rows if row["contender"] == contender]
    if not mine:
        return inf, 0.0
    found = (seconds_to(row, GOAL) for row in mine)
    seconds = statistics.median_high(inf if one is None else one for one in found)
    return seconds, min(row["cap"] for row in mine)


def _block(problem: str, rows: list[dict[str, Any]]) -> str:
    head = ["contender", "seed", *(f"{level:.0e}" for level in LEVELS), "best error", "allowed",
            "ended", "settings"]  # fmt: skip
    lines = [f"## {problem}\n", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for row in rows:
        best = f"{min(row['error']):.1e}" if row["error"] else "none"
        cells = [row["contender"], str(row["seed"]), *(_cell(row, level) for level in LEVELS),
                 best, f"{row['cap']:g}", row["ended"], row["settings"]]  # fmt: skip
        lines.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
    return "\n".join(lines)


def _cell(row: dict[str, Any], level: float) -> str:
    cpu, wall = (seconds_to(row, level, clock) for clock in ("cpu", "wall"))
    return "-" if cpu is None or wall is None else f"{cpu:.2g} ({wall:.2g})"


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draws error against CPU seconds, one panel a problem.

    Args:
        rows: Rows of all contenders.
        path: The png.
    """
    from matplotlib.figure import Figure

    problems = list(dict.fromkeys(row["problem"] for row in rows))
    names = list(dict.fromkeys(row["contender"] for row in rows))
    across = min(3, len(problems))
    down = -(-len(problems) // across)
    figure = Figure(figsize=(4.2 * across, 3.3 * down), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for panel, problem in zip(panels, problems, strict=False):
        for row in rows:
            if row["problem"] == problem and row["cpu"]:
                # What was best so far: first-order methods would hide the picture otherwise.
                best = list(itertools.accumulate(row["error"], min))
                colour = f"C{names.index(row['contender'])}"
                first = row["seed"] == rows[0]["seed"]
                few = "o" if len(best) < 4 else ""  # one look has no line
                panel.loglog(row["cpu"], best, marker=few, ms=3, color=colour, lw=1.4,
                             label=row["contender"] if first else None)  # fmt: skip
        panel.set(title=problem, xlabel="CPU seconds", ylabel="relative L2 error, best so far")
        panel.grid(alpha=0.3)
    for panel in panels[len(problems) :]:
        panel.set_visible(False)
    handles = {h.get_label(): h for p in panels for h in p.get_legend_handles_labels()[0]}
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=3)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110)
