"""Tables of the suite: how far the adversary came, and every sampler on every problem."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.sampling.cases import FRESH, FRESH_POINTS, PLACED, Case

ADVERSARIAL, RAD = "adversarial", "rad"
INTRODUCTION = f"""Errors are relative, in L2; medians over seeds, with the range where there are \
several. Equal CPU time is what training with fresh uniform points took at the same seed. Mean and \
spread (relative standard deviation) of the squared residual are those at {FRESH_POINTS} fresh \
uniform points. "{PLACED}" has nine tenths of its points in the core, where the problem names one: \
what that does not solve is not a matter of points alone.

How far the adversary came at equal CPU time; the goals are 10 times below uniform on peaks and \
layers, no worse than rad by more than its spread, and less than 30 % of the time for adapting (20 \
% where the solution is smooth):"""


def table(record: dict[str, Any]) -> str:
    """Errors of every sampler on every problem, and where they stand against uniform points.

    Args:
        record: The rows of all runs.

    Returns:
        Markdown tables: medians over seeds, with the range.
    """
    rows = record["rows"]
    problems = list(dict.fromkeys(row["problem"] for row in rows))
    parts = [[r for r in rows if r["problem"] == p] for p in problems]
    return "\n\n".join([INTRODUCTION, _goals(parts), *map(_problem, parts)])


def _goals(parts: list[list[dict[str, Any]]]) -> str:
    """How far the adversary came, problem after problem."""
    lines = [
        "| problem | seeds | times below uniform, fresh | times below rad | "
        "worse than rad's worst | of CPU seconds adapting |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for rows in parts:
        errors = timely(rows)
        if not {ADVERSARIAL, FRESH, RAD} <= set(errors):
            continue
        middle = {sampler: np.median(found) for sampler, found in errors.items()}
        mine = [r for r in rows if r["sampler"] == ADVERSARIAL]
        cells = [
            f"{rows[0]['problem']} ({rows[0]['case']['kind']})",
            str(len(mine)),
            f"{middle[FRESH] / middle[ADVERSARIAL]:.2g}",
            f"{middle[RAD] / middle[ADVERSARIAL]:.2g}",
            "yes" if middle[ADVERSARIAL] > max(errors[RAD]) else "no",
            f"{100 * np.median([r['adapting'] for r in mine]):.0f} %",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def timely(rows: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Errors at the CPU time that fresh uniform points took, of one problem.

    Args:
        rows: All runs on the problem.

    Returns:
        The errors of all seeds, by sampler.
    """
    budget = {r["seed"]: r["cpu_seconds"] for r in rows if r["sampler"] == FRESH}
    found: dict[str, list[float]] = {}
    for row in rows:
        error = error_at(row["curve"], budget.get(row["seed"], np.inf))
        found.setdefault(row["sampler"], []).append(error)
    return found


def _problem(rows: list[dict[str, Any]]) -> str:
    case = Case(**rows[0]["case"])  # as it was when it ran
    concentrated = all(r["error_even"] is not None for r in rows)
    lines = [
        f"## {case.problem} ({case.kind})",
        "",
        f"{case.points} points, {case.network['name']} {case.network['width']} wide and "
        f"{case.network['depth']} deep, {case.steps} steps of {case.optimizer['name']}, adaptation "
        f"every {case.every}, parameters {case.parameters}."
        + " Errors in the core, where the solution lives."
        * concentrated,
        "",
        "| sampler | error, equal steps | error, equal CPU time | times below uniform, fresh | "
        + "error over the whole region | " * concentrated
        + "mean squared residual | its spread | CPU seconds | of these adapting | effective rank, "
        "even / own points |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |" + " --- |" * concentrated,
    ]
    found = timely(rows)
    lines += [_line(s, rows, found, concentrated) for s in found]
    return "\n".join(lines)


def _line(
    sampler: str, rows: list[dict[str, Any]], found: dict[str, list[float]], concentrated: bool
) -> str:
    mine, errors = [r for r in rows if r["sampler"] == sampler], found[sampler]
    cells = [
        sampler,
        _range([r["error"] for r in mine]),
        _range(errors),
        f"{np.median(found[FRESH]) / np.median(errors):.2g}" if FRESH in found else "-",
        *([_range([r["error_even"] for r in mine])] if concentrated else []),
        _range([r["mean_square"] for r in mine]),
        f"{np.median([r['spread'] for r in mine]):.1f}",
        f"{np.median([r['cpu_seconds'] for r in mine]):.1f}",
        f"{100 * np.median([r['adapting'] for r in mine]):.0f} %",
        " / ".join(_median([r.get(k) for r in mine]) for k in ("rank_even", "rank_own")),
    ]
    return "| " + " | ".join(cells) + " |"


def error_at(curve: dict[str, list[float]], seconds: float) -> float:
    """The last error measured before a time."""
    before = [e for s, e in zip(curve["seconds"], curve["error"], strict=True) if s <= seconds]
    return before[-1] if before else curve["error"][0]


def _median(values: list[float | None]) -> str:
    known = [v for v in values if v is not None]
    return f"{np.median(known):.0f}" if known else "-"


def _range(values: list[float]) -> str:
    spread = f" ({min(values):.1e} to {max(values):.1e})" if len(values) > 1 else ""
    return f"{np.median(values):.1e}{spread}"
