"""Tables: what is solved, how well it went, and Markdown tables over many runs."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from io import StringIO
from typing import Any

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from pdenet.functions import InputFunction
from pdenet.geometry import Domain
from pdenet.problem import Problem
from pdenet.record import Record

VERDICT_STYLES = {"solved": "bold green", "doubtful": "bold yellow", "failed": "bold red"}
DEFAULT_COLUMNS = ("problem.name", "optimizer.name", "worst_error", "seconds.training", "verdict")
_INDICATORS = {"training": "residual, training points", "fresh": "residual, fresh points"}
_IDENTITY = (
    "problem",
    "solver",
    "network",
    "initializer",
    "sampler",
    "optimizer",
    "balance",
    "precision",
)


def problem_panel(problem: Problem) -> Panel:
    """What is to be solved: domain, fields, conditions, reference, target.

    Args:
        problem: The problem.

    Returns:
        A rich panel.
    """
    table = _two_columns()
    integrals = {} if problem.energy is None else problem.energy.terms
    rows = [
        ("domain", describe_domain(problem.domain)),
        ("fields", ", ".join(_shaped(n, s) for n, s in problem.shapes.items())),
        ("conditions", "\n".join(f"{n} on {c.on.label}" for n, c in problem.conditions.items())),
        ("minimizes", "\n".join(f"{n} over {c.on.label}" for n, c in integrals.items())),
        ("unknowns", ", ".join(problem.unknowns)),
        ("inputs", ", ".join(map(_called, problem.inputs, problem.inputs.values()))),
        ("parameters", ", ".join(f"{n} = {_short(v)}" for n, v in problem.parameters.items())),
        ("reference", getattr(problem.reference, "kind", "none: the error cannot be measured")),
        ("target", f"relative L2 error {problem.target:.0e}"),
        ("source", problem.source),
    ]
    for name, text in rows:
        if text:
            table.add_row(name, Text(text))
    return Panel(table, title=Text(problem.name), title_align="left", border_style="cyan")


def summary_table(record: Record) -> Panel:
    """How it went: errors, residuals, time, and the verdict with its reasons.

    Args:
        record: The run.

    Returns:
        A rich panel in the verdict's colour.
    """
    style = VERDICT_STYLES[record.verdict]
    table = _two_columns()
    for name, text in summary_rows(record):
        if text:
            table.add_row(name, Text(text))
    reasons = [Text(f"  {reason}") for reason in record.reasons]
    verdict = Text(record.verdict, style=style)
    parts: list[RenderableType] = [table, Text(""), verdict, *reasons]
    title = Text(str(record.problem.get("name", "problem")))
    border = style.removeprefix("bold ")
    return Panel(Group(*parts), title=title, title_align="left", border_style=border)


def summary_rows(record: Record) -> list[tuple[str, str]]:
    """Names and values of a run's results, as text.

    Args:
        record: The run.

    Returns:
        One pair a row.
    """
    rows = [(f"error of {name}", _error(e)) for name, e in (record.errors or {}).items()]
    if record.errors is None:
        rows.append(("error", "not measured: there is no reference"))
    rows += [(f"found {name}", f"{value:.6g}") for name, value in record.unknowns.items()]
    rows += indicator_rows(record.indicators)
    if record.effective_rank is not None:
        ends = (_short(record.effective_rank.get(k)) for k in ("initial", "final"))
        rows.append(("effective rank", " to ".join(ends)))
    seconds = ", ".join(f"{n} {v:.1f} s" for n, v in record.seconds.items() if v is not None)
    return [
        *rows,
        ("networks", "\n".join(map(fit_line, record.fits))),
        ("chosen", "\n".join(record.chosen)),
        ("trained parameters", f"{record.parameters:,}"),
        ("steps", f"{record.steps:,}, stopped by {record.stopped_by}: {record.stop_reason}"),
        ("time", seconds),
    ]


def fit_line(fit: Mapping[str, Any]) -> str:
    """What one network of several reached, as text.

    Args:
        fit: One of a record's fits.

    Returns:
        One line.
    """
    correction = fit["correction"]
    called = f"window {fit['window'] + 1}, " if fit["window"] else ""
    called += f"correction {correction}" if correction else "first"
    if "frequency" in fit:
        waves = ", ".join(f"{c} {_short(f)}" for c, f in fit["frequency"].items())
        called += (
            f" (residual {_short(fit['residual'])} at frequencies {waves}; "
            f"scale {_short(fit['scale'])})"
        )
    reached = "" if fit["error"] is None else f"error {_short(fit['error'])}, "
    return f"{called}: {reached}{fit['steps']} steps, {_short(fit['seconds'])} s"


def indicator_rows(indicators: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values of what is known without a reference, as text.

    Args:
        indicators: Numbers, or numbers by condition, by name.

    Returns:
        One pair a row.
    """
    rows = []
    for name, value in indicators.items():
        if isinstance(value, Mapping):
            text = ", ".join(f"{n.replace('_', ' ')} {_short(v)}" for n, v in value.items())
        else:
            text = _short(value)
        if text:
            rows.append((_INDICATORS.get(name, name.replace("_", " ")), text))
    return rows


def plain_text(renderable: RenderableType, width: int = 100) -> str:
    """A panel or table as text without colours, for logs and files.

    Args:
        renderable: What rich can draw.
        width: Of a line, in characters.

    Returns:
        The text.
    """
    stream = StringIO()
    Console(file=stream, width=width, color_system=None, legacy_windows=False).print(renderable)
    return stream.getvalue()


def markdown_table(records: Iterable[Record], columns: Sequence[str] = DEFAULT_COLUMNS) -> str:
    """Runs as a Markdown table: one row a configuration, mean and spread over its seeds.

    Numbers are the mean, plus or minus the standard deviation over the seeds; words are counted
    where seeds disagree. A last column says how many runs a row holds.

    Args:
        records: Runs, in any order; those that differ in seed alone share a row.
        columns: Dotted paths into a record, such as ``worst_error``, ``network.width``,
            ``seconds.training``, ``errors.u.relative_l2``.

    Returns:
        The table, ending in a newline.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        data = asdict(record) | {"worst_error": record.worst_error}
        key = json.dumps({n: data[n] for n in _IDENTITY}, sort_keys=True, default=str)
        groups.setdefault(key, []).append(data)
    lines = [[*columns, "runs"], ["---"] * (len(columns) + 1)]
    for group in groups.values():
        cells = [_spread([_at(data, column) for data in group]) for column in columns]
        lines.append([*cells, str(len(group))])
    return "".join(f"| {' | '.join(_markdown(c) for c in line)} |\n" for line in lines)


def describe_domain(domain: Domain) -> str:
    """Kind and bounds of a domain, in one line."""
    bounds = ", ".join(f"{n} in [{a:.4g}, {b:.4g}]" for n, (a, b) in domain.bounds.items())
    return f"{type(domain).__name__}: {bounds}"


def _two_columns() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _shaped(name: str, shape: tuple[int, ...]) -> str:
    return f"{name} ({' x '.join(map(str, shape))})" if shape else name


def _called(name: str, function: InputFunction) -> str:
    return f"{name}({', '.join(function.coordinates)})"


def _error(found: Mapping[str, float]) -> str:
    """Errors of one field; of an operator, with their spread over functions."""
    text = f"{_digits(found['relative_l2'])} L2, {_digits(found['relative_max'])} max"
    more = [f"{n} {_digits(v)}" for n, v in found.items() if not n.startswith("relative_")]
    return text + (f"; L2 over unseen functions: {', '.join(more)}" if more else "")


def _digits(value: float | None) -> str:
    return "no number" if value is None else f"{value:.2e}"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else "" if value is None else str(value)


def _at(data: Any, path: str) -> Any:
    for name in path.split("."):
        data = data.get(name) if isinstance(data, Mapping) else None
    return data


def _spread(values: Sequence[Any]) -> str:
    known = [v for v in values if v is not None]
    if not known:
        return "-"
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in known):
        mean = float(np.mean(known))
        if len(known) == 1 or not math.isfinite(mean) or min(known) == max(known):
            return f"{mean:.3g}"
        return f"{mean:.3g} ± {np.std(known, ddof=1):.1g}"
    counts = Counter(map(str, known))
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{word} {count}/{len(known)}" for word, count in counts.most_common())


def _markdown(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
