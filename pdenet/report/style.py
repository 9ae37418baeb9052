"""Colours, scales and layout that all figures share; matplotlib's global state stays untouched."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from pdenet.report.probe import Array

DPI = 130
LETTERS_PER_INCH = 9  # of a title
INK = "#333333"
PREDICTED, EXACT = "#0072b2", "black"  # of Okabe and Ito's palette, told apart by all eyes
DATA = "#e69f00"
DASHES = (0, (4, 3))
CYCLE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#882255", "#999933")
DECADES = 4  # of errors and residuals that a figure shows; what is smaller is drawn as the floor

Draw = Callable[[Axes], None]
Place = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Scale:
    """How values become colours.

    Args:
        norm: From values to [0, 1].
        cmap: Name of a colour map.
        floor: Smallest value told apart, on a logarithmic scale; None on a linear one.
    """

    norm: Normalize
    cmap: str
    floor: float | None = None


def linear_scale(values: Sequence[Array]) -> Scale:
    """A scale for a field: diverging about zero where the field has both signs.

    Args:
        values: Everything that is to share the scale.

    Returns:
        The scale.
    """
    low, high = extent(values)
    reach = max(-low, high)
    if low < 0 < high and min(-low, high) > 0.1 * reach:
        return Scale(Normalize(-reach, reach), "RdBu_r")
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        margin = 0.5 * max(abs(high), 1e-12)
        low, high = low - margin, high + margin
    return Scale(Normalize(low, high), "viridis")


def log_scale(values: Sequence[Array]) -> Scale:
    """A scale for magnitudes such as errors, over at most ``DECADES`` decades below the largest.

    Args:
        values: Everything that is to share the scale.

    Returns:
        The scale, with its floor.
    """
    low, high = log_extent(values)
    return Scale(LogNorm(low, high), "magma", low)


def log_extent(values: Sequence[Array]) -> tuple[float, float]:
    """Range of magnitudes on a logarithmic axis, never empty.

    Args:
        values: Arrays of magnitudes; zeros and what is not finite count for nothing.

    Returns:
        Lowest and highest value.
    """
    joined = np.concatenate([np.ravel(v) for v in values]) if values else np.empty(0)
    positive = joined[np.isfinite(joined) & (joined > 0)]
    if not len(positive):
        return 1e-17, 1e-16
    high = float(positive.max())
    low = max(float(positive.min()), high * 10.0**-DECADES, np.finfo(float).tiny)
    return (low, high) if high > 1.01 * low else (low / 2, high * 2)


def extent(values: Sequence[Array]) -> tuple[float, float]:
    """Smallest and largest finite value; (0, 1) where there is none."""
    joined = np.concatenate([np.ravel(v) for v in values]) if values else np.empty(0)
    finite = joined[np.isfinite(joined)]
    return (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)


@dataclass(frozen=True)
class Panel:
    """The place of one panel, in inches: its size with the margins for labels and colour bar.

    Args:
        width: Margins included.
        height: Margins included.
        left: Margin for the ordinate.
        right: Margin for a colour bar, if any.
    """

    width: float
    height: float
    left: float = 0.75
    right: float = 0.15

    bottom: ClassVar[float] = 0.5
    top: ClassVar[float] = 0.33

    def place(self, x: float, y: float, size: tuple[float, float]) -> Place:
        """Frame of the axes, as fractions of a figure, of a panel with its corner at (x, y)."""
        width = self.width - self.left - self.right
        height = self.height - self.bottom - self.top
        return (
            (x + self.left) / size[0],
            (y + self.bottom) / size[1],
            width / size[0],
            height / size[1],
        )


def compose(rows: Sequence[Sequence[Draw | None]], title: str, panel: Panel) -> Figure:
    """A figure of panels in rows and columns.

    Margins are given, not fitted: fitting them measures every label and doubles the time.

    Args:
        rows: What draws each panel; None leaves it empty.
        title: Above all panels.
        panel: Size and margins of each.

    Returns:
        The figure.
    """
    width = panel.width * max(len(row) for row in rows)
    lines = wrap(title, int(LETTERS_PER_INCH * width))
    top = panel.height * len(rows)
    size = (width, top + 0.12 + 0.19 * len(lines))
    figure = Figure(figsize=size)
    heading = plain("\n".join(lines))
    figure.text(
        0.5,
        1 - 0.07 / size[1],
        heading,
        ha="center",
        va="top",
        color=INK,
        fontsize=11,
        fontweight="bold",
    )
    for i, draws in enumerate(rows):
        for j, draw in enumerate(draws):
            if draw is not None:
                corner = (j * panel.width, top - (i + 1) * panel.height)
                ax = figure.add_axes(panel.place(*corner, size))
                draw(ax)
                dress(ax)
    return figure


def dress(ax: Axes) -> None:
    """Quiet spines, small type."""
    ax.tick_params(which="both", labelsize=8, colors=INK)
    for item in (ax.xaxis.label, ax.yaxis.label):
        item.set_fontsize(9)
        item.set_color(INK)
    ax.title.set_fontsize(9.5)
    ax.title.set_color(INK)
    for spine in ax.spines.values():
        spine.set_color("#bbbbbb")


def legend(ax: Axes, count: int) -> None:
    """A legend that lets curves shine through, in columns where entries are many."""
    ax.legend(fontsize=7.5, framealpha=0.7, edgecolor="none", ncols=1 + (count - 1) // 6)


def say(ax: Axes, text: str) -> None:
    """Words in the place of a panel that has nothing to draw."""
    ax.text(0.5, 0.5, plain(text), ha="center", va="center", fontsize=9, transform=ax.transAxes)
    ax.set_xticks([])
    ax.set_yticks([])


def save(figure: Figure, path: Path) -> Path:
    """Writes a figure as PNG.

    Args:
        figure: The figure.
        path: The file.

    Returns:
        The file.
    """
    with warnings.catch_warnings():
        # Names may use any alphabet; a box in the place of a letter is no reason to stop.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        # On a machine that is busy, the search for a legend's place takes a second.
        warnings.filterwarnings("ignore", message="Creating legend with loc", category=UserWarning)
        figure.savefig(path, dpi=DPI, facecolor="white")
    return path


def plain(text: str) -> str:
    """Text that matplotlib draws as it is: no formulas, no hidden legend entries."""
    text = text.replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def number(value: float | None) -> str:
    """An error or residual in three digits, or a dash."""
    if value is None or math.isnan(value):
        return "-"
    return f"{value:.2e}"
