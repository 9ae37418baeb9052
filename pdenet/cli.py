"""The command line: ``solve-problem NAME|FILE.py[:name] [options]``.

Exit status: 0 solved; 1 ran, but the verdict is not "solved"; 2 bad input; 130 interrupted.
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import ArgumentParser, DefaultHelpFormatter
from rich.console import Console

from pdenet.catalogue import Entry, entries, find
from pdenet.report import summary_table
from pdenet.run import apply, resume, solve
from pdenet.selection import AUTO, DEFAULT_NAMES, REGISTRIES, Part, asked_for, automatic, options
from pdenet.settings import PARTS, Settings, read_yaml
from pdenet.solution import Solution

SOLVED, NOT_SOLVED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

EXAMPLES = """
examples:
  solve-problem --list
  solve-problem burgers
  solve-problem burgers --problem.nu 0.01 --max-seconds 60 --out runs/mine
  solve-problem poisson-2d --network pirate-net --network.width 32 --optimizer adam-lbfgs
  solve-problem my_problem.py:heat --json --quiet
  solve-problem --resume runs/burgers --max-seconds 300
  solve-problem --apply runs/antiderivative --input new.npz

`solve-problem NAME --help` also explains the parameters of that problem and of the chosen parts.
"""


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
    words = _dotted(words)
    names = _names(words)
    if "--list" in words:
        return _list()
    entry = find(names["problem"]) if names["problem"] else None
    parser = _parser(entry, _automatic(entry, names, words))
    if "--help" in words or "-h" in words:
        parser.print_help()
        return SOLVED
    given = _given(parser, words)
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


# -- parsing -----------------------------------------------------------------------------------


class _Formatter(DefaultHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Keeps the examples' lines."""


class _Parser(ArgumentParser):
    """Errors become ValueError, so that all bad input takes one way out."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:  # type: ignore[override]
        raise ValueError(f"{message} See solve-problem --help.")


def _dotted(words: Sequence[str]) -> list[str]:
    """``NAME`` and ``--network X`` in the form that takes further arguments by dot."""
    named = {f"--{part}": f"--{part}.name" for part in PARTS}
    out: list[str] = []
    takes_value = False
    for word in words:
        option, equals, value = word.partition("=")
        if word.startswith("-"):
            out.append(named.get(option, option) + equals + value)
            takes_value = not equals and option not in FLAGS
        elif takes_value:
            out.append(word)
            takes_value = False
        else:
            out += ["--problem.name", word]
    return out


FLAGS = ("--list", "--quiet", "--json", "--print-config", "--help", "-h")


def _names(words: Sequence[str]) -> dict[str, str]:
    """What decides which arguments there are: the problem and the parts, by name."""
    names = DEFAULT_NAMES | {"problem": ""}
    for key, value in _config(words).items():
        if key in names:
            default = DEFAULT_NAMES.get(key, "auto")
            names[key] = value if isinstance(value, str) else (value or {}).get("name", default)
    for key in names:
        names[key] = _value_of(f"--{key}.name", words) or names[key]
    for part in PARTS:
        Part(part, names[part])
    return names


def _automatic(entry: Entry | None, names: dict[str, str], words: Sequence[str]) -> dict[str, str]:
    """Names of the parts whose arguments there are: what `auto` stands for with the problem."""
    try:
        problem = entry.build() if entry is not None else None
    except ValueError:  # it needs parameters, or cannot be built: that is said later
        problem = None
    if problem is None:
        return {part: AUTO.get(part, name) if name == "auto" else name
                for part, name in names.items()}  # fmt: skip
    found, asked = dict(names), _asked(names, words)
    for part in PARTS:  # the solver comes first: others depend on it
        if found[part] == "auto" and part != "initializer":
            found[part] = automatic(part, problem, found["solver"], asked)[0]
    return found


def _asked(names: Mapping[str, str], words: Sequence[str]) -> str:
    """What words and the configuration ask for that `auto` must heed."""
    given, config = {}, _config(words)
    for part in PARTS:
        mine = [w.removeprefix(f"--{part}.") for w in words if w.startswith(f"--{part}.")]
        stored = config.get(part)
        kept = stored if isinstance(stored, dict) else {}
        given[part] = names[part], {*(w.partition("=")[0] for w in mine), *kept} - {"name"}
    precision = _value_of("--precision", words) or str(config.get("precision", 64))
    corrections = _value_of("--corrections", words) or str(config.get("corrections", 0))
    return asked_for(given, 32 if precision == "32" else 64, corrections != "0")


def _config(words: Sequence[str]) -> dict[str, Any]:
    """What the configuration file holds, if one is given."""
    path = _value_of("--config", words)
    return read_yaml(Path(path)) if path else {}


def _value_of(option: str, words: Sequence[str]) -> str:
    for i, word in enumerate(words):
        if word.startswith(option + "="):
            return word.partition("=")[2]
        if word == option and i + 1 < len(words):
            return words[i + 1]
    return ""


def _parser(entry: Entry | None, names: Mapping[str, str]) -> _Parser:
    parser = _Parser(
        prog="solve-problem",
        description="Solves a partial differential equation with a neural network and says how "
        "good the answer is.",
        epilog=EXAMPLES,
        formatter_class=_Formatter,
    )
    problem = parser.add_argument_group("problem" if entry is None else f"problem {entry.name}")
    problem.add_argument("--problem.name", help="name or FILE.py[:name]; also as the first word")
    if entry is not None:
        _add_signature(problem, entry.function, "problem", entry.parameters)
    for part in PARTS:
        _add_part(parser, part, names[part])
    _add_run_options(parser)
    return parser


def _whole_or_auto(value: Any) -> int | str:
    """A whole number; other words are left to the settings' own check."""
    text = str(value)
    return int(text) if text.lstrip("+-").isdecimal() else text


def _add_part(parser: _Parser, part: str, name: str) -> None:
    """A part's name, and the arguments of the one that was named."""
    group = parser.add_argument_group(f"{part} {name}")
    group.add_argument(
        f"--{part}.name",
        metavar="NAME",
        default=DEFAULT_NAMES[part],
        help=f"{', '.join(dict.fromkeys(('auto', *REGISTRIES[part])))}; also --{part} NAME",
    )
    _add_signature(group, REGISTRIES[part][name], part, options(part, name))


def _add_signature(group: Any, make: Any, key: str, wanted: Iterable[str]) -> None:
    """Typed options from the keyword parameters that a user may give."""
    add = group.add_class_arguments if isinstance(make, type) else group.add_function_arguments
    skip = {n for n in _all_parameters(make) if n not in wanted}
    add(make, key, as_group=False, skip=skip, fail_untyped=False)


def _all_parameters(make: Any) -> set[str]:
    """Parameters of a function, or of a class and those that it passes its keywords to."""
    makers = (
        [make.__init__, *(b.__init__ for b in make.__mro__)] if isinstance(make, type) else [make]
    )
    return {n for m in makers for n in inspect.signature(m).parameters} - {"self"}


def _add_run_options(parser: _Parser) -> None:
    run = parser.add_argument_group("run")
    default = Settings(problem={})
    add = run.add_argument
    add("--max-seconds", type=float, default=default.max_seconds, help="training seconds")
    add("--max-steps", type=int, help="optimizer steps; no limit by default")
    add("--target-error", type=float, help="relative L2 error to stop at; default: the problem's")
    add("--seed", type=int, default=default.seed, help="seed of every random draw")
    add("--precision", type=int, default=default.precision, help="bits of the numbers: 32 or 64")
    add("--device", default=default.device, help="auto, cpu, cuda, cuda:1, ...")
    add("--compile", default=default.compile, help="compile residuals: auto, yes or no")
    add(
        "--windows",
        type=_whole_or_auto,
        default=default.windows,
        help="time windows, solved one by one: auto, or how many",
    )
    add(
        "--corrections",
        type=int,
        default=default.corrections,
        help="further networks, each trained on the error that is left: for errors below 1e-6 "
        "(solver pinn)",
    )
    add(
        "--diagnose",
        default=default.diagnose,
        help="see why training is slow: yes, no, or some of rank,spectrum,stages,regime,weights",
    )
    add("--out", help="folder to write; default runs/NAME, with a number if that is there")
    add("--resume", metavar="RUN", help="go on where the run in this folder stopped")
    add("--apply", metavar="RUN", help="apply the operator of this run folder to --input")
    add("--input", metavar="FILE", help="new input functions: values at sensors, or with points")
    add("--config", action="config", help="options from a YAML file")
    for flag, text in (
        ("--print-config", "print the options as YAML and stop"),
        ("--list", "print the names of all problems, one line each, and stop"),
        ("--quiet", "print nothing but errors"),
        ("--json", "print the record on standard output, nothing else"),
    ):
        add(flag, action="store_true", help=text)


def _given(parser: _Parser, words: Sequence[str]) -> dict[str, Any]:
    """The options that were given, nested by dots; defaults stay with their owners."""
    parsed = parser.parse_args(list(words), defaults=False).as_dict()
    parsed.pop("config", None)
    # By identity: a number 0 equals False, but somebody gave it.
    return {k: v for k, v in parsed.items() if not (v is None or v is False or v == {})}


def _settings(given: Mapping[str, Any]) -> Settings:
    if not given.get("problem", {}).get("name"):
        raise ValueError("Name a problem: solve-problem NAME. solve-problem --list shows them.")
    known = {f.name for f in fields(Settings)}
    return Settings.from_mapping({k: v for k, v in given.items() if k in known}, "command line")
