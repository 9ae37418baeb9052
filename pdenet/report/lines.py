"""Figures of curves: one coordinate, profiles at several times, cuts through many dimensions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pdenet.report.line_panels import Curve, magnitude_panel, value_panel
from pdenet.report.maps import paged
from pdenet.report.probe import Array, Probe, Sample, rms, to_array
from pdenet.report.slices import Case, Line, View
from pdenet.report.style import DASHES, EXACT, PREDICTED, Draw, Panel, number, plain, say

PANEL = Panel(4.2, 2.9)
CUT_PANEL = Panel(3.5, 2.6)
SLICE_PANEL = Panel(5.4, 3.4)
MOST_CUTS = 3  # coordinates that get a cut of their own
CLOUD_POINTS = 4_000
SLICES = 5


@dataclass(frozen=True, eq=False)
class Profile:
    """What is known along one line.

    Args:
        case: What is held fixed.
        line: The line.
        sample: Values along it; NaN outside the domain.
    """

    case: Case
    line: Line
    sample: Sample

    def curve(self, values: Array, exact: Array | None = None) -> Curve:
        """A curve of this profile."""
        return Curve(self.line.abscissa, values, self.case.label, exact)


def profiles(
    probe: Probe, lines: Sequence[tuple[Case, Line]], residual: bool = True
) -> list[Profile]:
    """Evaluates lines."""
    return [Profile(case, line, probe.masked(line.x, residual=residual)) for case, line in lines]


def curve_figures(probe: Probe, view: View, axis: str, title: str) -> Iterator[tuple[str, Figure]]:
    """One coordinate: each field with its reference, its error, and each equation's residual.

    Args:
        probe: The solution.
        view: Its domain.
        axis: The coordinate.
        title: Of the figures.

    Yields:
        File stems and figures.
    """
    found = profiles(probe, [(c, view.along(axis, c, 1_001)) for c in view.cases([axis])])
    columns = [_values(probe, found), _errors(probe, found), _residuals(probe, found)]
    columns = [c for c in columns if c]
    depth = max(len(c) for c in columns)
    rows = [[c[i] if i < len(c) else None for c in columns] for i in range(depth)]
    yield from paged("solution", rows, title, PANEL)


def slice_figures(probe: Probe, view: View, axis: str, title: str) -> Iterator[tuple[str, Figure]]:
    """Profiles over space at several times, beside their errors.

    Args:
        probe: The solution.
        view: Its domain.
        axis: The coordinate of space.
        title: Of the figures.

    Yields:
        File stems and figures.
    """
    rows: list[list[Draw | None]] = []
    for level in view.levels([axis]):
        moments = view.moments([axis], level, SLICES)
        found = profiles(probe, [(c, view.along(axis, c)) for c in moments], residual=False)
        errors = dict(zip(found[0].sample.exact, _errors(probe, found), strict=True))
        for name, draw in zip(probe.names, _values(probe, found), strict=True):
            rows.append([draw, errors[name]] if name in errors else [draw])
    yield from paged("slices", rows, title, SLICE_PANEL)


def cut_figures(probe: Probe, view: View, title: str) -> Iterator[tuple[str, Figure]]:
    """Many dimensions: lines through the centre along coordinates, and the diagonal.

    Args:
        probe: The solution.
        view: Its domain.
        title: Of the figures.

    Yields:
        File stems and figures.
    """
    space = view.domain.space
    cuts = [
        profiles(probe, [(c, view.along(a, c)) for c in view.cases([a])]) for a in space[:MOST_CUTS]
    ]
    cuts.append(profiles(probe, [(c, view.diagonal(c)) for c in view.cases([])]))
    rows = []
    for part in (_values, _errors, _residuals):
        rows += [list(row) for row in zip(*(part(probe, found) for found in cuts), strict=True)]
    yield from paged("cuts", rows, title, CUT_PANEL)


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


def _values(probe: Probe, found: Sequence[Profile]) -> list[Draw]:
    return [
        value_panel(
            [p.curve(p.sample.predicted[name], p.sample.exact.get(name)) for p in found],
            f"{name} along {found[0].line.label}",
            found[0].line.label,
            name,
            data=_measured(probe, name, found[0].line.label),
        )
        for name in probe.names
    ]


def _measured(probe: Probe, name: str, along: str) -> tuple[Array, Array] | None:
    """Measurements of a problem with a single coordinate; elsewhere they are not on the line."""
    found = probe.measurements(name)
    if found is None or probe.problem.coordinates != (along,):
        return None
    return found[0][:, 0], found[1]


def _errors(probe: Probe, found: Sequence[Profile]) -> list[Draw]:
    draws = []
    for name in (n for n in probe.names if n in found[0].sample.exact):
        errors = [(p, p.sample.error(name)) for p in found]
        curves = [p.curve(e) for p, e in errors if e is not None]
        largest = _largest([c.values for c in curves])
        title = f"|{name} - reference|, max {number(largest)}"
        draws.append(magnitude_panel(curves, title, found[0].line.label, "error"))
    return draws


def _residuals(probe: Probe, found: Sequence[Profile]) -> list[Draw]:
    draws = []
    for name in probe.equations:
        curves = [p.curve(p.sample.residual[name]) for p in found]
        size = rms(np.concatenate([c.values for c in curves]))
        title = f"|residual of {name}|, rms {number(size)}"
        draws.append(magnitude_panel(curves, title, found[0].line.label, "residual"))
    return draws


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
        ax.set_title(plain(f"|{name} - reference|, max {number(_largest([error]))}"))
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


def _largest(values: Sequence[Array]) -> float:
    joined = np.concatenate(list(values))
    finite = joined[np.isfinite(joined)]
    return float(finite.max()) if len(finite) else float("nan")
