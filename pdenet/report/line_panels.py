"""Panels with curves: values against their reference, and magnitudes on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from pdenet.report.probe import Array
from pdenet.report.style import CYCLE, DASHES, DATA, PREDICTED, Draw, legend, log_extent, plain, say


@dataclass(frozen=True, eq=False)
class Curve:
    """One curve of a panel.

    Args:
        abscissa: Shape (n,).
        values: Shape (n,); NaN leaves a gap.
        label: Of the legend; empty for a lone curve.
        exact: The reference's values, or None.
    """

    abscissa: Array
    values: Array
    label: str = ""
    exact: Array | None = None


def value_panel(
    curves: Sequence[Curve],
    title: str,
    along: str,
    name: str,
    data: tuple[Array, Array] | None = None,
) -> Draw:
    """Curves of a field, with the reference dashed on top.

    Args:
        curves: One or several.
        title: Of the panel.
        along: Label of the abscissa.
        name: Of the field.
        data: Abscissa and values of measurements, drawn as dots.

    Returns:
        What draws the panel.
    """

    def draw(ax: Axes) -> None:
        ax.set_title(plain(title))
        if not any(np.isfinite(c.values).any() for c in curves):
            return say(ax, "no finite values")
        colours = _colours(len(curves))
        for curve, colour in zip(curves, colours, strict=True):
            text = plain(curve.label or "network")
            ax.plot(curve.abscissa, curve.values, color=colour, lw=1.8, label=text)
        if data is not None:
            ax.plot(*data, "o", color=DATA, ms=3, alpha=0.6, mew=0, label="data", zorder=1)
        label = "reference"
        for curve, colour in zip(curves, colours, strict=True):
            if curve.exact is not None:
                dark = _darker(colour)
                ax.plot(curve.abscissa, curve.exact, color=dark, ls=DASHES, lw=1.1, label=label)
                label = ""  # once in the legend
        frame(ax, curves, along)
        ax.set_ylabel(plain(name))
        if len(ax.lines) > 1:
            legend(ax, len(curves) + 1)
        return None

    return draw


def magnitude_panel(curves: Sequence[Curve], title: str, along: str, name: str) -> Draw:
    """Magnitudes, logarithmic; a floor is said where values fall below it.

    Args:
        curves: One or several, not negative.
        title: Of the panel.
        along: Label of the abscissa.
        name: What the ordinate is.

    Returns:
        What draws the panel.
    """

    def draw(ax: Axes) -> None:
        ax.set_title(plain(title))
        values = [np.where(c.values > 0, c.values, np.nan) for c in curves]
        if not any(np.isfinite(v).any() for v in values):
            zero = any((c.values == 0).any() for c in curves)
            return say(ax, "zero everywhere" if zero else "no finite values")
        for curve, v, colour in zip(curves, values, _colours(len(curves)), strict=True):
            ax.semilogy(curve.abscissa, v, color=colour, lw=1.2, label=plain(curve.label))
        low, high = log_extent(values)
        ax.set_ylim(low / 2, high * 2)
        frame(ax, curves, along)
        below = any(((c.values > 0) & (c.values < low)).any() for c in curves)
        ax.set_ylabel(plain(name) + (f"  (cut below {low:.0e})" if below else ""))
        if len(curves) > 1:
            legend(ax, len(curves))
        return None

    return draw


def frame(ax: Axes, curves: Sequence[Curve], along: str) -> None:
    """The whole abscissa, also where there is nothing to draw."""
    ends = [(c.abscissa.min(), c.abscissa.max()) for c in curves]
    low, high = min(a for a, _ in ends), max(b for _, b in ends)
    margin = 0.02 * (high - low) or 1.0
    ax.set_xlim(low - margin, high + margin)
    ax.set_xlabel(plain(along))
    ax.grid(alpha=0.25, lw=0.5)


def _darker(colour: Any) -> Array:
    """Tells apart the references of several curves, each from its own curve."""
    return 0.4 * np.array(to_rgb(colour))


def _colours(n: int) -> list:
    """One colour alone; an ordered ramp for times or parameters; distinct ones for many."""
    if n == 1:
        return [PREDICTED]
    if n > 9:
        return [CYCLE[i % len(CYCLE)] for i in range(n)]
    return list(matplotlib.colormaps["viridis"](np.linspace(0.0, 0.88, n)))
