"""Figures of points of the whole domain: what cuts through many dimensions may miss."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pdenet.report.maps import paged
from pdenet.report.probe import Probe, Sample, largest, to_array
from pdenet.report.style import DASHES, EXACT, PREDICTED, Draw, Panel, number, plain, say

CLOUD_POINTS = 4_000


def cloud_figures(probe: Probe, title: str) -> Iterator[tuple[str, Figure]]:
    """Predicted against exact at points of the whole domain, and how errors are distributed.

    Args:
        probe: The solution.
        title: Of the figure.

    Yields:
        File stem and figure, where there is a reference.
    """
    points = probe.problem.domain.sample(CLOUD_POINTS, seed=0, method="sobol")
    sample = probe(to_array(points.x), residual=False)
    rows: list[list[Draw | None]] = [
        [_scatter(sample, name), _distribution(sample, name)] for name in sample.exact
    ]
    if rows:
        yield from paged("scatter", rows, title, Panel(4.6, 3.8))


def _scatter(sample: Sample, name: str) -> Draw:
    predicted, exact = sample.predicted[name], sample.exact[name]

    def draw(ax: Axes) -> None:
        ax.set_title(plain(f"{name} at {len(exact)} points of the domain"))
        finite = np.isfinite(predicted) & np.isfinite(exact)
        if not finite.any():
            return say(ax, "no finite values")
        ends = [exact[finite].min(), exact[finite].max()]
        ax.scatter(
            exact[finite],
            predicted[finite],
            s=4,
            alpha=0.35,
            color=PREDICTED,
            linewidths=0,
            rasterized=True,
        )
        ax.plot(ends, ends, color=EXACT, ls=DASHES, lw=1)
        ax.set_xlabel("reference")
        ax.set_ylabel("network")
        ax.grid(alpha=0.25, lw=0.5)
        return None

    return draw


def _distribution(sample: Sample, name: str) -> Draw:
    error = sample.error(name)
    assert error is not None
    positive = error[np.isfinite(error) & (error > 0)]

    def draw(ax: Axes) -> None:
        ax.set_title(plain(f"|{name} - reference|, max {number(largest(error))}"))
        if not len(positive):
            return say(ax, "zero everywhere" if (error == 0).any() else "no finite values")
        low, high = np.log10(positive.min()), np.log10(positive.max())
        bins = 10 ** np.linspace(low, max(high, low + 0.1), 41)
        ax.hist(positive, bins=list(bins), color=PREDICTED, alpha=0.85)
        ax.set_xscale("log")
        median = float(np.median(positive))
        ax.axvline(median, color=EXACT, ls=DASHES, lw=1, label=f"median {median:.1e}")
        ax.legend(fontsize=8, framealpha=0.7, edgecolor="none")
        ax.set_xlabel("error")
        ax.set_ylabel("points")
        return None

    return draw
