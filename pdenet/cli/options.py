"""The options: of a problem, of the parts that were named, and of the run."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from jsonargparse import ArgumentParser, DefaultHelpFormatter

from pdenet.catalogue import Entry
from pdenet.selection import DEFAULT_NAMES, REGISTRIES, options
from pdenet.settings import PARTS, Settings

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


class _Formatter(DefaultHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Keeps the examples' lines."""


class Parser(ArgumentParser):
    """Errors become ValueError, so that all bad input takes one way out."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:  # type: ignore[override]
        """One line, and where to read more."""
        raise ValueError(f"{message} See solve-problem --help.")


def build_parser(entry: Entry | None, names: Mapping[str, str]) -> Parser:
    """The parser of a problem's, its parts' and the run's options.

    Args:
        entry: The problem, or None where none is named.
        names: Each part by name.

    Returns:
        A parser whose errors are ValueErrors.
    """
    parser = Parser(
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
    run = parser.add_argument_group("run")
    _add_training_options(run, Settings(problem={}))
    _add_folder_options(run)
    return parser


def _whole_or_auto(value: Any) -> int | str:
    """A whole number; other words are left to the settings' own check."""
    text = str(value)
    return int(text) if text.lstrip("+-").isdecimal() else text


def _add_part(parser: Parser, part: str, name: str) -> None:
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


def _add_training_options(group: Any, default: Settings) -> None:
    add = group.add_argument
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


def _add_folder_options(group: Any) -> None:
    add = group.add_argument
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


def given_options(parser: Parser, words: Sequence[str]) -> dict[str, Any]:
    """The options that were given; defaults stay with their owners.

    Args:
        parser: The parser.
        words: Words after the command's name, dotted.

    Returns:
        Values, nested by dots.
    """
    parsed = parser.parse_args(list(words), defaults=False).as_dict()
    parsed.pop("config", None)
    # By identity: a number 0 equals False, but somebody gave it.
    return {k: v for k, v in parsed.items() if not (v is None or v is False or v == {})}
