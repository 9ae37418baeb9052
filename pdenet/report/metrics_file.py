"""``metrics.csv``: the curve of a run as a table that any program reads."""

from __future__ import annotations

import csv
from pathlib import Path

from pdenet.record import Record


def write_metrics(record: Record, path: Path) -> Path:
    """Writes the curve: one row a measurement, one column a condition.

    Columns are ``step, seconds, phase, loss, error`` and ``term.NAME`` for every condition. An
    empty cell means that there is no number; ``nan`` and ``inf`` are written as they are.

    Args:
        record: The run.
        path: The file to write.

    Returns:
        The file.
    """
    curve = record.curve
    names = list(dict.fromkeys(name for terms in curve.terms for name in terms))
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(["step", "seconds", "phase", "loss", "error", *(f"term.{n}" for n in names)])
        rows = zip(
            curve.step,
            curve.seconds,
            curve.phase,
            curve.loss,
            curve.error,
            curve.terms,
            strict=True,
        )
        for step, seconds, phase, loss, error, terms in rows:
            cells = [step, seconds, phase, loss, error, *(terms.get(n) for n in names)]
            table.writerow(["" if cell is None else cell for cell in cells])
    return path


__all__ = ["write_metrics"]
