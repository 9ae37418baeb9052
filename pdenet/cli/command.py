"""What the command does: solve, go on, apply an operator, or list the problems."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from rich.console import Console

from pdenet.catalogue import entries, find
from pdenet.cli.options import build_parser, given_options
from pdenet.cli.words import automatic_names, dotted, names_in
from pdenet.report import summary_table
from pdenet.run import apply, resume, solve
from pdenet.settings import Settings
from pdenet.solution import Solution

SOLVED, NOT_SOLVED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: Words after the command's name; those of the process by default.

    Returns:
        The exit status.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(words)
    except ValueError as error:
        print(f"solve-problem: {' '.join(str(error).split())}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("solve-problem: interrupted", file=sys.stderr)
        return INTERRUPTED


def _run(words: list[str]) -> int:
    words = dotted(words)
    names = names_in(words)
    if "--list" in words:
        return _list()
    entry = find(names["problem"]) if names["problem"] else None
    parser = build_parser(entry, automatic_names(entry, names, words))
    if "--help" in words or "-h" in words:
        parser.print_help()
        return SOLVED
    given = given_options(parser, words)
    if given.get("print_config"):
        print(_settings(given).to_yaml(), end="")
        return SOLVED
    if given.get("apply") or given.get("input"):
        return _apply(given)
    solution = _solve(given)
    if given.get("json"):
        print(solution.record.to_json())
    return _status(solution)


def _solve(given: dict[str, Any]) -> Solution:
    quiet = bool(given.get("quiet") or given.get("json"))
    console = Console(stderr=True, quiet=quiet)
    if given.get("resume"):
        fixed = set(given) - {"resume", "quiet", "json", "max_seconds", "max_steps", "target_error"}
        if fixed:
            raise ValueError(
                f"--resume goes on with the run's own settings; {sorted(fixed)} cannot change. "
                "Only --max-seconds, --max-steps and --target-error can."
            )
        kept = {k: v for k, v in given.items() if k not in ("resume", "quiet", "json")}
        solution = resume(given["resume"], progress=not quiet, **kept)
    else:
        solution = _solve_new(given, quiet)
    console.print(summary_table(solution.record))
    if solution.folder is not None:
        console.print(f"Written to {solution.folder}: open {solution.folder / 'report.html'}")
    return solution


def _apply(given: dict[str, Any]) -> int:
    """Applies a trained operator to the functions of a file; one line a function."""
    if missing := {"apply", "input"} - set(given):
        raise ValueError(
            f"--{missing.pop()} is missing: solve-problem --apply RUN --input new.npz applies the "
            "operator of a run folder to the input functions of a file."
        )
    if others := set(given) - {"apply", "input", "out", "quiet", "json"}:
        raise ValueError(
            f"--apply takes a trained operator as it is; {sorted(others)} cannot be given with it, "
            "only --input, --out, --quiet and --json."
        )
    found, folder, lines = apply(given["apply"], given["input"], given.get("out"))
    if given.get("json"):
        errors = [found.error(i) for i in range(len(lines))]
        said = {"folder": str(folder), "relative_l2": errors, "unlike": found.unlike.tolist()}
        print(json.dumps(said))
    elif not given.get("quiet"):
        print("\n".join([*lines, f"Written to {folder}"]))
    return SOLVED


def _solve_new(given: dict[str, Any], quiet: bool) -> Solution:
    settings = _settings(given)
    parameters = dict(settings.problem)
    entry = find(parameters.pop("name"))
    plain = {k: v for k, v in vars(settings).items() if k != "problem"}
    out = given.get("out") or Path("runs") / entry.name
    return solve(entry.spec, parameters=parameters, out=out, progress=not quiet, **plain)


def _status(solution: Solution) -> int:
    if solution.record.stopped_by == "interrupted":
        return INTERRUPTED
    return SOLVED if solution.record.verdict == "solved" else NOT_SOLVED


def _list() -> int:
    found = entries()
    width = max(len(e.name) for e in found)
    for entry in found:
        print(f"{entry.name:<{width}}  {entry.summary}")
    return SOLVED


def _settings(given: Mapping[str, Any]) -> Settings:
    if not given.get("problem", {}).get("name"):
        raise ValueError("Name a problem: solve-problem NAME. solve-problem --list shows them.")
    known = {f.name for f in fields(Settings)}
    return Settings.from_mapping({k: v for k, v in given.items() if k in known}, "command line")
