"""What `auto` saw when it tried initializers, as a table."""

from __future__ import annotations

import math

from rich.table import Table

from pdenet.selection.race import RACE_STEPS
from pdenet.selection.starts import Choice


def initializer_table(choice: Choice) -> Table:
    """One line a trial, the choice marked.

    Args:
        choice: The trials.

    Returns:
        The table.
    """
    table = Table(
        title=f"starts that were tried, in {choice.seconds:.1f} s",
        caption=f"predicted: {choice.judged} after gradient descent with the start's kernel; "
        f"raced: after {RACE_STEPS} steps of Adam",
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("initializer")
    for name in ("parameters", "effective rank", "least-squares floor", "predicted", "raced"):
        table.add_column(name, justify="right")
    for trial in choice.trials:
        best = trial is choice.best
        table.add_row(
            f"{trial.label} (chosen)" if best else trial.label,
            str(trial.parameters),
            _number(trial.effective_rank, ".1f"),
            _number(trial.floor, ".1e"),
            _number(trial.predicted, ".3f"),
            _number(trial.raced, ".3g"),
            style="bold" if best else None,
        )
    return table


def _number(value: float, form: str) -> str:
    return f"{value:{form}}" if math.isfinite(value) else "-"
