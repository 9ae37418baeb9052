"""The figure of a run's training: loss, terms and error against steps and against seconds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pdenet.record import Curve, Record
from pdenet.report.probe import Array
from pdenet.report.style import CYCLE, DASHES, EXACT, Draw, Panel, compose, legend, plain, say

PANEL = Panel(5.7, 3.2)
STEP = "step"
SHADES = ("#f2f4f7", "#e3e9f1")


def training_figure(
    curve: Curve, title: str, target: float | None = None, floor: float | None = None
) -> Figure:
    """Loss and error while training, on logarithmic axes, phases shaded.

    Args:
        curve: What was measured.
        title: Of the figure.
        target: Error that counts as solved, drawn as a line.
        floor: What is taken off the loss, where that is an energy: its minimum.

    Returns:
        The figure: one row for the loss, one for the error where it was measured.
    """
    clocks: list[tuple[str, Sequence[float]]] = [
        (STEP, curve.step),
        ("seconds of training", curve.seconds),
    ]
    losses = _losses if floor is None else partial(_above, floor)
    rows: list[list[Draw | None]] = [[losses(curve, clock, at) for clock, at in clocks]]
    if any(e is not None for e in curve.error):
        rows.append([_error(curve, clock, at, target) for clock, at in clocks])
    return compose(rows, title, PANEL)


def lowest_energy(record: Record) -> float | None:
    """The minimum of an energy: the exact one, or the lowest value; None where no energy was met.

    Args:
        record: The run.

    Returns:
        In the units of the loss.
    """
    found = record.indicators.get("energy")
    if found is None:
        return None
    values = [v for v in record.curve.loss if math.isfinite(v)]
    return found.get("exact", min(values, default=0.0))


def _above(floor: float, curve: Curve, clock: str, at: Sequence[float]) -> Draw:
    """How far an energy is above its minimum, or below: penalties and rules miss it."""
    gap = [value - floor for value in curve.loss]

    def draw(ax: Axes) -> None:
        ax.set_title(f"distance of the energy from {floor:.6g}")
        sides = [("above", gap, 2.0), ("below", [-g for g in gap], 1.0)]
        drawn = _plot(ax, at, sides)
        if not drawn:
            return say(ax, "nothing was measured")
        legend(ax, drawn)
        return _finish(ax, curve, clock, at)

    return draw


def _losses(curve: Curve, clock: str, at: Sequence[float]) -> Draw:
    names = list(dict.fromkeys(name for terms in curve.terms for name in terms))

    def draw(ax: Axes) -> None:
        ax.set_title("loss, and mean squared residual of each condition")
        lines = [(plain(n), [t.get(n) for t in curve.terms], 1.0) for n in names]
        drawn = _plot(ax, at, [("loss", list(curve.loss), 2.0), *lines])
        if not drawn:
            return say(ax, "nothing was measured")
        legend(ax, drawn)
        return _finish(ax, curve, clock, at)

    return draw


def _error(curve: Curve, clock: str, at: Sequence[float], target: float | None) -> Draw:
    def draw(ax: Axes) -> None:
        ax.set_title("relative L2 error of the worst field")
        if not _plot(ax, at, [("error", list(curve.error), 2.0)]):
            return say(ax, "no finite error")
        if target is not None:
            ax.axhline(target, color=EXACT, ls=DASHES, lw=1, label=f"target {target:.0e}")
            legend(ax, 1)
        return _finish(ax, curve, clock, at)

    return draw


def _plot(ax: Axes, at: Sequence[float], lines: Sequence[tuple[str, list, float]]) -> int:
    """Positive values as lines, a lone one as a dot; returns how many lines have any."""
    drawn = 0
    for i, (label, values, width) in enumerate(lines):
        y = _positive(values)
        if np.isfinite(y).any():
            colour = EXACT if label == "loss" else CYCLE[i % len(CYCLE)]
            marker = "o" if np.isfinite(y).sum() == 1 else ""
            style = "-" if i <= len(CYCLE) else "--"
            ax.semilogy(at, y, style, color=colour, lw=width, marker=marker, ms=4, label=label)
            drawn += 1
    return drawn


def _finish(ax: Axes, curve: Curve, clock: str, at: Sequence[float]) -> None:
    ax.set_xlabel(clock)
    if clock == STEP:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(alpha=0.25, lw=0.5)
    low, high = min(at), max(at)
    if high <= low:
        return
    ax.set_xlim(low, high)
    spans = list(_phases(curve.phase, at))
    for i, (name, start, end) in enumerate(spans):
        ax.axvspan(start, end, color=SHADES[i % 2], zorder=0, lw=0)
        # A label needs room: short phases keep their shade alone.
        if end - start > 0.08 * (high - low):
            middle = (start + end) / 2
            ax.annotate(
                plain(name),
                (middle, 0.015),
                xycoords=("data", "axes fraction"),
                ha="center",
                va="bottom",
                fontsize=7.5,
                color="#556677",
                zorder=1,  # behind the curves: it must not hide them
            )


def _phases(names: Sequence[str], at: Sequence[float]) -> Iterator[tuple[str, float, float]]:
    """Name, start and end of each stretch; one ends where the next was first measured."""
    index, previous = 0, at[0]
    for name, group in groupby(names):
        index += len(list(group))
        end = at[index - 1]
        yield name, previous, end
        previous = end


def _positive(values: Sequence[float | None]) -> Array:
    y = np.array([np.nan if v is None else v for v in values], dtype=float)
    return np.where(np.isfinite(y) & (y > 0), y, np.nan)
