"""``report.html``: one page that says what was solved, how, and how far to trust it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from pdenet.energy import Rayleigh
from pdenet.functions import InputFunction
from pdenet.record import Record
from pdenet.report.explanation import explanation
from pdenet.report.figures import CAPTIONS
from pdenet.report.tables import describe_domain, fit_line, indicator_rows
from pdenet.solution import Solution

STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --paper: #fbfbfa; --card: #ffffff;
  --line: #dde1e7; --quiet: #5d6878; --solved: #1a7f4b; --doubtful: #a06400; --failed: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e7ee; --paper: #14171c; --card: #1c2027;
  --line: #323944; --quiet: #98a3b3; --solved: #58c98c; --doubtful: #e5ab4b; --failed: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.2rem 4rem; max-width: 64rem; color: var(--ink);
  background: var(--paper); font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; }
p { margin: .4rem 0; } .quiet { color: var(--quiet); font-size: .92rem; }
.verdict { margin: 1.2rem 0; padding: .9rem 1.1rem; background: var(--card);
  border: 1px solid var(--line); border-left: .4rem solid var(--tone); border-radius: .4rem; }
.verdict strong { color: var(--tone); font-size: 1.15rem; }
.solved { --tone: var(--solved); } .doubtful { --tone: var(--doubtful); }
.failed { --tone: var(--failed); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .93rem; }
th, td { text-align: left; padding: .3rem 1.4rem .3rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: anywhere; }
th { font-weight: 600; color: var(--quiet); white-space: nowrap; }
figure { margin: 1rem 0; padding: .8rem; background: #fff; border: 1px solid var(--line);
  border-radius: .4rem; }
img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
figcaption { color: #5d6878; font-size: .88rem; margin-top: .4rem; text-align: center; }
ul { margin: .3rem 0; padding-left: 1.2rem; }
"""


def write_page(solution: Solution, folder: Path) -> Path:
    """Writes ``report.html``, with the figures of ``figures/`` inside it.

    Args:
        solution: The solution.
        folder: The run's folder, whose figures are already written.

    Returns:
        The page.
    """
    folder = Path(folder)
    path = folder / "report.html"
    path.write_text(page(solution, _images(folder / "figures")), encoding="utf-8")
    return path


def page(solution: Solution, images: Mapping[str, bytes]) -> str:
    """The page as text.

    Args:
        solution: The solution.
        images: PNG files by stem.

    Returns:
        HTML that needs no other file.
    """
    record = solution.record
    name = str(record.problem.get("name", "problem"))
    parts = [
        f"<h1>{escape(name)}</h1>",
        _paragraph(solution.problem.source, "quiet"),
        _verdict(record),
        _section("Errors", _errors(record)),
        _section("Found constants", _constants(solution)),
        _section("Residuals and other indicators", _pairs(indicator_rows(record.indicators))),
        _section("Why training took as long as it did", _list(explanation(record.diagnostics))),
        *(_figure(stem, data) for stem, data in images.items()),
        _section("What was chosen, and why", _list(record.chosen)),
        _section("Problem", _pairs(_problem_rows(solution))),
        _section("Settings", _pairs(_setting_rows(record))),
        _section("Run", _pairs(_run_rows(record))),
        _section("Versions and machine", _pairs({**record.versions, **record.machine}.items())),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(name)}: {escape(record.verdict)}</title>\n<style>{STYLE}</style>\n"
        "</head>\n<body>\n" + "\n".join(p for p in parts if p) + "\n</body>\n</html>\n"
    )


def _verdict(record: Record) -> str:
    kind = escape(record.verdict)
    return (
        f'<div class="verdict {kind}"><strong>{kind}</strong>{_list(record.reasons)}'
        + _paragraph(f"Stopped by {record.stopped_by}: {record.stop_reason}", "quiet")
        + "</div>"
    )


def _errors(record: Record) -> str:
    if record.errors is None:
        return _paragraph("There is no reference, so no error was measured.")
    rows = [
        (name, _number(e["relative_l2"]), _number(e["relative_max"]))
        for name, e in record.errors.items()
    ]
    head = ("field", "relative L2 error", "relative maximum error")
    more = [n for n in next(iter(record.errors.values()), {}) if not n.startswith("relative_")]
    said = f"Against the reference: {record.reference}."
    if more:  # an operator
        finer = record.indicators.get("error on finer points", {})
        head = (*head, *more, "on finer points")
        rows = [
            (*row, *(_number(e.get(n)) for n in more), _number(finer.get(row[0])))
            for row, e in zip(rows, record.errors.values(), strict=True)
        ]
        said += (
            " Errors are means over functions that nothing was trained on; what follows is how "
            "their relative L2 errors scatter, and their mean on four times as many points."
        )
    return _table([head, *rows], header=True) + _paragraph(said, "quiet")


def _constants(solution: Solution) -> str:
    found = solution.record.unknowns
    if not found:
        return ""
    known, energy = solution.problem.unknowns, solution.problem.energy
    exact = {n: getattr(known.get(n), "exact", None) for n in found}
    if isinstance(energy, Rayleigh):
        exact |= dict(zip(energy.level_names, energy.exact, strict=False))
    rows = [(n, f"{v:.8g}", _number(exact[n], "{:.8g}")) for n, v in found.items()]
    return _table([("constant", "found", "true value"), *rows], header=True)


def _problem_rows(solution: Solution) -> list[tuple[str, str]]:
    problem, record = solution.problem, solution.record
    integrals = {} if problem.energy is None else problem.energy.terms
    return [
        ("domain", describe_domain(problem.domain)),
        *((f"input {n}", _input(f)) for n, f in problem.inputs.items()),
        ("parameters", _text(record.problem.get("parameters", {})) or "none"),
        *((f"condition {n}", f"on {c.on.label}") for n, c in problem.conditions.items()),
        *((f"integral {n}", f"over {c.on.label}") for n, c in integrals.items()),
        ("reference", record.reference or "none"),
        ("target", f"relative L2 error {problem.target:.0e}"),
    ]


def _input(function: InputFunction) -> str:
    names = ", ".join(function.coordinates)
    return f"function of {names}, {type(function.space).__name__}, {len(function.x)} sensors"


def _setting_rows(record: Record) -> list[tuple[str, str]]:
    parts = ("solver", "network", "initializer", "sampler", "optimizer", "balance")
    return [
        *((name, _text(getattr(record, name))) for name in parts),
        ("seed", str(record.seed)),
        ("precision", f"{record.precision} bits"),
    ]


def _run_rows(record: Record) -> list[tuple[str, str]]:
    rows = [("trained parameters", f"{record.parameters:,}"), ("steps", f"{record.steps:,}")]
    rows += [(f"network {i + 1}", fit_line(fit)) for i, fit in enumerate(record.fits)]
    rows += [(f"{name} time", _number(s, "{:.1f} s")) for name, s in record.seconds.items()]
    if record.effective_rank is not None:
        rows.append(("effective rank", _text(record.effective_rank)))
    return rows


def _images(folder: Path) -> dict[str, bytes]:
    """Figures in the order of the captions, training last."""
    order = list(CAPTIONS)

    def place(stem: str) -> tuple[int, str]:
        kind = stem.split("-")[0]
        return (order.index(kind) if kind in order else len(order), stem)

    found = {path.stem: path for path in folder.glob("*.png")}
    return {stem: found[stem].read_bytes() for stem in sorted(found, key=place)}


def _figure(stem: str, data: bytes) -> str:
    caption = escape(CAPTIONS.get(stem.split("-")[0], stem))
    encoded = base64.b64encode(data).decode("ascii")
    return (
        f'<figure><img alt="{caption}" src="data:image/png;base64,{encoded}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>" if body else ""


def _paragraph(text: str, kind: str = "") -> str:
    attribute = f' class="{kind}"' if kind else ""
    return f"<p{attribute}>{escape(text)}</p>" if text else ""


def _list(items: Iterable[str]) -> str:
    entries = "".join(f"<li>{escape(str(item))}</li>" for item in items)
    return f"<ul>{entries}</ul>" if entries else ""


def _pairs(rows: Iterable[tuple[str, Any]]) -> str:
    return _table([(name, str(value)) for name, value in rows])


def _table(rows: Iterable[tuple[str, ...]], header: bool = False) -> str:
    lines = []
    for i, row in enumerate(rows):
        marks = ["th" if (header and i == 0) or j == 0 else "td" for j in range(len(row))]
        cells = (f"<{m}>{escape(c)}</{m}>" for m, c in zip(marks, row, strict=True))
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f'<div class="wide"><table>{"".join(lines)}</table></div>' if lines else ""


def _text(value: Any) -> str:
    """Settings as ``name, key = value``; anything nested as JSON."""
    if not isinstance(value, Mapping):
        return value if isinstance(value, str) else json.dumps(value, default=str)
    rest = [f"{k} = {_text(v)}" for k, v in value.items() if k != "name"]
    return ", ".join([str(value["name"]), *rest] if "name" in value else rest)


def _number(value: float | None, form: str = "{:.3e}") -> str:
    return "-" if value is None else form.format(value)
