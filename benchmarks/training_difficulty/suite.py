"""Effective rank at the start, and steps and seconds to given errors, start by start."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from benchmarks.training_difficulty import ranks
from benchmarks.training_difficulty.cases import CASES
from benchmarks.training_difficulty.training import choose, train

Row = dict[str, Any]
AUTO = "auto"
SEVERAL = 3  # starts that reach an error before it is a target


def options(parser: argparse.ArgumentParser) -> None:
    """Adds the suite's options."""
    parser.add_argument(
        "--cases", nargs="+", choices=[c.name for c in CASES], help="all by default"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--steps", type=int, help="instead of each case's own")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at once, one thread each")


def run(arguments: argparse.Namespace) -> Iterator[Row]:
    """Effective ranks, then all trainings.

    Args:
        arguments: The suite's options.

    Yields:
        Rows of both tables.
    """
    yield from ranks.rows()
    wanted = [c for c in CASES if not arguments.cases or c.name in arguments.cases]
    pairs = [(seed, case) for seed in arguments.seeds for case in wanted]
    # Fork would copy torch's threads in the state that they happen to be in.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.jobs, mp_context=spawn) as pool:
        choices = list(pool.map(choose, [c for _, c in pairs], [s for s, _ in pairs]))
        yield from choices
        trainings = [
            pool.submit(train, case, trial, seed, arguments.steps or case.steps)
            for (seed, case), choice in zip(pairs, choices, strict=True)
            for trial in choice["trials"]
        ]
        for done in as_completed(trainings):
            row = done.result()
            print(
                f"{row['case']}, {row['start']}, seed {row['seed']}: error {row['error']:.1e}, "
                f"{row['seconds']:.0f} s",
                file=sys.stderr,
            )
            yield row


def table(record: Row) -> str:
    """All tables, and what follows from them.

    Args:
        record: All rows.

    Returns:
        Markdown.
    """
    rows = record["rows"]
    parts = [
        "## Effective rank against values computed independently\n",
        ranks.table([r for r in rows if r["table"] == "ranks"]),
    ]
    verdicts = []
    for case in CASES:
        choices = [r for r in rows if r["table"] == "choices" and r["case"] == case.name]
        trained = [r for r in rows if r["table"] == "training" and r["case"] == case.name]
        if choices and trained:
            starts = _by_start(choices, trained)
            parts.append(_case(case.name, starts, choices))
            verdicts.append(_verdict(case.name, starts))
    return "\n".join([*parts, _summary(verdicts)])


def _by_start(choices: list[Row], trained: list[Row]) -> dict[str, list[Row]]:
    """Trainings by start; `auto` stands for those of the starts that it chose, seed by seed."""
    names = [t["start"] for t in choices[0]["trials"]]
    found = {name: [r for r in trained if r["start"] == name] for name in names}
    chosen = {c["seed"]: c for c in choices}
    found[AUTO] = [
        {**r, "seconds_choosing": chosen[r["seed"]]["seconds"]}
        for r in trained
        if r["start"] == chosen[r["seed"]]["chosen"]
    ]
    return {name: rows for name, rows in found.items() if rows}


def _case(name: str, starts: dict[str, list[Row]], choices: list[Row]) -> str:
    first, level = next(iter(starts.values()))[0], target(starts)
    lines = [
        f"\n## {name}: {first['steps']} steps of Adam, target {level}\n",
        "| start | parameters | effective rank | predicted | steps to target | "
        "seconds to target | error at the end |",
        "| --- " * 7 + "|",
    ]
    for start, rows in starts.items():
        cells = [
            start if start != AUTO else f"auto: {_chosen(choices)}",
            str(rows[0]["parameters"]),
            _median([r["effective_rank"] for r in rows], ".1f"),
            _median(_predicted(choices, rows), ".3g"),
            _steps_text(level, rows),
            _seconds_text(level, rows),
            _spread([r["error"] for r in rows]),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _chosen(choices: list[Row]) -> str:
    return "; ".join(f"{name} ({n})" for name, n in Counter(c["chosen"] for c in choices).items())


def _predicted(choices: list[Row], rows: list[Row]) -> list[float]:
    wanted = {(r["seed"], r["start"]) for r in rows}
    return [
        t["predicted"] for c in choices for t in c["trials"] if (c["seed"], t["start"]) in wanted
    ]


def _median(values: list[float], form: str) -> str:
    return f"{np.median(values):{form}}"


def target(starts: dict[str, list[Row]]) -> str:
    """The least error that several fixed starts reach, by the Record's name."""
    fixed = [rows for name, rows in starts.items() if name != AUTO]
    levels = sorted(fixed[0][0]["steps_to_error"], key=float)

    def reaching(level: str) -> int:
        return sum(bool(np.isfinite(steps_to(level, rows))) for rows in fixed)

    return next((x for x in levels if reaching(x) >= SEVERAL), levels[-1])


def steps_to(level: str, rows: list[Row]) -> float:
    """Median steps to an error; infinite where most seeds never reach it."""
    found = [r["steps_to_error"][level] for r in rows]
    return float(np.median([np.inf if s is None else s for s in found]))


def _steps_text(level: str, rows: list[Row]) -> str:
    steps = steps_to(level, rows)
    return f"{steps:.0f}" if np.isfinite(steps) else "not reached"


def _seconds_text(level: str, rows: list[Row]) -> str:
    steps = steps_to(level, rows)
    if not np.isfinite(steps):
        return "not reached"
    each = np.median([r["seconds"] / r["steps"] for r in rows])
    choosing = np.median([r.get("seconds_choosing", 0.0) for r in rows])
    return f"{each * steps + choosing:.1f}"


def _spread(values: list[float]) -> str:
    return f"{np.median(values):.1e} ({min(values):.1e} to {max(values):.1e})"


def _verdict(case: str, starts: dict[str, list[Row]]) -> Row:
    """Rank correlation over fixed starts, and auto against the best of them and against Glorot."""
    fixed = {name: rows for name, rows in starts.items() if name != AUTO}
    level = target(starts)
    steps = {name: steps_to(level, rows) for name, rows in starts.items()}
    errors = {name: float(np.median([r["error"] for r in rows])) for name, rows in fixed.items()}
    best = min(fixed, key=lambda name: (steps[name], errors[name]))
    limit = fixed[best][0]["steps"]
    ranked = [float(np.median([r["effective_rank"] for r in rows])) for rows in fixed.values()]
    late = [min(steps[name], 2 * limit) for name in fixed]
    reached = np.isfinite(steps["glorot"])
    return {
        "case": case,
        "best": best,
        "speed": -_correlation(ranked, late),
        "accuracy": -_correlation(ranked, list(errors.values())),
        "of_best": steps[AUTO] / steps[best] if np.isfinite(steps[best]) else np.nan,
        "of_glorot": (steps["glorot"] if reached else limit) / steps[AUTO],
        "glorot_late": not reached,
    }


def _correlation(x: list[float], y: list[float]) -> float:
    """Spearman's rank correlation; undefined where all are equal."""
    found: Any = spearmanr(x, y)
    return float(found.statistic) if len(set(y)) > 1 else np.nan


def _summary(verdicts: list[Row]) -> str:
    lines = [
        "\n## Does effective rank predict speed, and does auto choose well?\n",
        "Rank correlation (Spearman) over the fixed starts, of initial effective rank with speed "
        "to the target and with accuracy at the end. Where Glorot never reaches the target, its "
        "whole training is counted: auto is faster by more than is shown. The rule of auto was "
        "chosen on seeds 0 and 1.\n",
        "| case | with speed | with accuracy | best fixed start | auto's steps, of the best's | "
        "auto faster than Glorot |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for v in verdicts:
        more = "more than " if v["glorot_late"] else ""
        late = not np.isfinite(v["of_best"])
        cells = [v["case"], f"{v['speed']:+.2f}", f"{v['accuracy']:+.2f}", v["best"],
                 "target not reached" if late else f"{v['of_best']:.2f}",
                 "target not reached" if late else f"{more}{v['of_glorot']:.1f} times"]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    good = sum(v["of_best"] <= 1.1 for v in verdicts)
    median = np.median([v["of_glorot"] for v in verdicts])
    lines.append(
        f"\nauto is at most 10 % slower than the best fixed start on {good} of {len(verdicts)} "
        f"cases; against Glorot it is {median:.1f} times faster in the median."
    )
    return "\n".join(lines)
