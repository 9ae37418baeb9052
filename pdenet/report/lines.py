"""Figures of curves: one coordinate, profiles at several times, cuts through many dimensions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from pdenet.report.line_panels import Curve, magnitude_panel, value_panel
from pdenet.report.maps import paged
from pdenet.report.probe import Array, Probe, Sample, largest, rms
from pdenet.report.slices import Case, Line, View
from pdenet.report.style import Draw, Panel, number

PANEL = Panel(4.2, 2.9)
CUT_PANEL = Panel(3.5, 2.6)
SLICE_PANEL = Panel(5.4, 3.4)
MOST_CUTS = 3  # coordinates that get a cut of their own
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
        most = largest(np.concatenate([c.values for c in curves]))
        title = f"|{name} - reference|, max {number(most)}"
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
