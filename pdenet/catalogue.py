"""Finds problems: by name (:mod:`pdenet.problems`, entry points) or by file path.

A problem is a function with typed keyword parameters, annotated ``-> Problem``. Nothing is
registered by importing a file: the functions are found by that annotation.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import math
import pkgutil
import sys
import typing
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from pdenet.problem import Problem
from pdenet.record import plain

PROBLEMS = "pdenet.problems"
"""The package of our own problems, and the group of entry points of other packages'."""


@dataclass(frozen=True)
class Entry:
    """A problem that can be built.

    Args:
        spec: What finds it again: a name, or ``FILE.py:name`` with an absolute path.
        function: Builds the problem from keyword parameters.
    """

    spec: str
    function: Callable[..., Problem]

    @property
    def name(self) -> str:
        """Its name in kebab-case, as on the command line."""
        return self.spec.rpartition(":")[2]

    @property
    def summary(self) -> str:
        """First line of the docstring of the function, or else of its file."""
        text = inspect.getdoc(self.function) or inspect.getdoc(inspect.getmodule(self.function))
        return (text or "").strip().partition("\n")[0]

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """The keyword parameters that build it."""
        return dict(inspect.signature(self.function).parameters)

    def build(self, **parameters: Any) -> Problem:
        """Builds the problem.

        Args:
            parameters: Keyword parameters of the function; the others take their defaults.

        Returns:
            The problem, with its name and all its parameters.

        Raises:
            ValueError: A parameter is unknown, of the wrong type or not finite, or the function
                fails.
        """
        # As they come back from a run folder, so that a loaded problem is the same.
        parameters = plain(parameters, f"A parameter of problem {self.name!r}")
        known, types = self.parameters, _hints(self.function)
        for name, value in parameters.items():
            if name not in known:
                raise ValueError(
                    f"Problem {self.name!r} has no parameter {name!r}; it has {list(known)}."
                )
            _check_parameter(f"Parameter {name!r} of problem {self.name!r}", value, types.get(name))
        defaults = {n: p.default for n, p in known.items() if p.default is not p.empty}
        if missing := [n for n in known if n not in {**defaults, **parameters}]:
            raise ValueError(
                f"Problem {self.name!r} needs {missing}; give --problem.{missing[0]} VALUE."
            )
        try:
            problem = self.function(**parameters)
        except ValueError:
            raise
        except Exception as error:
            raise ValueError(
                f"Problem {self.name!r} cannot be built: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(problem, Problem):
            raise ValueError(
                f"{self.spec} returned {type(problem).__name__}; it must return a Problem."
            )
        return problem.named(self.name, {**defaults, **parameters})


def entries() -> list[Entry]:
    """Every problem that has a name, in the order of names.

    Returns:
        Our own, and those of other packages; one that cannot be loaded is left out with a warning.
    """
    found: dict[str, Entry] = {}
    for point in entry_points(group=PROBLEMS):
        try:
            found[point.name] = _installed(point)
        except ValueError as error:
            warnings.warn(str(error), stacklevel=2)
    found |= {e.name: e for e in _packaged()}
    return [found[name] for name in sorted(found)]


def find(spec: str) -> Entry:
    """The problem of a name or a file.

    Args:
        spec: A name such as ``burgers``, or ``FILE.py``, or ``FILE.py:name``.

    Returns:
        What builds it.

    Raises:
        ValueError: There is no such name or file, the file cannot be run, or holds no problem or
            several.
    """
    path, _, name = spec.rpartition(":") if ".py:" in spec else (spec, "", "")
    if path.endswith(".py"):
        return _in_file(Path(path), name)
    module = spec.replace("-", "_")
    # One file a problem: most names need no look at the other files.
    known = {e.name: e for e in _in_module(module)} if module in _modules() else {}
    if spec not in known:
        for point in entry_points(group=PROBLEMS, name=spec):
            return _installed(point)
        known = {e.name: e for e in entries()}
    if spec in known:
        return known[spec]
    close = get_close_matches(spec, known, n=1)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    raise ValueError(
        f"There is no problem {spec!r}. {hint}solve-problem --list shows the names; a file of your "
        "own is given as FILE.py."
    )


def _packaged() -> Iterator[Entry]:
    for name in _modules():
        yield from _in_module(name)


def _modules() -> list[str]:
    return [info.name for info in pkgutil.iter_modules(importlib.import_module(PROBLEMS).__path__)]


def _in_module(name: str) -> Iterator[Entry]:
    for function in _problem_functions(importlib.import_module(f"{PROBLEMS}.{name}")):
        yield Entry(function.__name__.replace("_", "-"), function)


def _installed(point: EntryPoint) -> Entry:
    """A problem of another package."""
    try:
        function = point.load()
    except Exception as error:
        raise ValueError(
            f"The problem {point.name!r} of an installed package ({point.value}) cannot be loaded: "
            f"{type(error).__name__}: {error}. Update that package, or uninstall it."
        ) from error
    if not inspect.isfunction(function):
        raise ValueError(
            f"The problem {point.name!r} of an installed package ({point.value}) is "
            f"{function!r}; an entry point names a function that returns a Problem."
        )
    return Entry(point.name, function)


def _in_file(path: Path, name: str) -> Entry:
    if not path.is_file():
        raise ValueError(f"There is no file {path}; give the path of a Python file with a problem.")
    functions = {f.__name__.replace("_", "-"): f for f in _problem_functions(_run_file(path))}
    wanted = name.replace("_", "-")
    if not functions:
        raise ValueError(
            f"{path} holds no problem: write a function with the annotation '-> Problem' that "
            "returns one."
        )
    if name and wanted not in functions:
        raise ValueError(f"{path} holds no problem {name!r}; it holds {sorted(functions)}.")
    if not name and len(functions) > 1:
        raise ValueError(
            f"{path} holds the problems {sorted(functions)}; choose one as {path}:{min(functions)}."
        )
    chosen = wanted or next(iter(functions))
    return Entry(f"{path.resolve()}:{chosen}", functions[chosen])


def _run_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"pdenet_user_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Postponed annotations are looked up in sys.modules.
    sys.modules[module.__name__] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise ValueError(f"{path}, line {error.lineno}: {error.msg}. Correct the file.") from error
    except (Exception, SystemExit) as error:
        raise ValueError(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    return module


def _problem_functions(module: ModuleType) -> list[Callable[..., Problem]]:
    return [
        function
        for _, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not function.__name__.startswith("_")
        and _hints(function).get("return") is Problem
    ]


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Types of the parameters and of what is returned; those that cannot be found are left out."""
    scope, found = vars(inspect.getmodule(function)), {}
    for name, annotation in inspect.get_annotations(function).items():
        one = SimpleNamespace(__annotations__={name: annotation})
        # A name may be imported for type checkers only.
        with contextlib.suppress(NameError, AttributeError, TypeError, SyntaxError):
            found |= typing.get_type_hints(one, scope)
    return found


def _check_parameter(what: str, value: Any, kind: Any) -> None:
    """Refuses a value that does not fit its annotation, where that is a plain type."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{what} is {value}; give a finite number.")
    allowed = _PLAIN_TYPES.get(kind)
    if allowed is None:
        return
    kinds, words = allowed
    if not isinstance(value, kinds) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{what} is {value!r}; give {words}.")


_PLAIN_TYPES: dict[Any, tuple[tuple[type, ...], str]] = {
    float: ((int, float), "a number"),
    int: ((int,), "a whole number"),
    str: ((str,), "text"),
    bool: ((bool,), "true or false"),
}
