"""Figure of a trained operator at new input functions."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from pdenet.functions import AtSensors, Ensemble, Functions, Nodes, Tabulated
from pdenet.report.line_panels import Curve, value_panel
from pdenet.report.map_panels import map_panel
from pdenet.report.maps import panel_of, planes
from pdenet.report.operators import PANEL, Example, input_panel
from pdenet.report.probe import Probe
from pdenet.report.slices import View, joined
from pdenet.report.style import Draw, Panel, compose, linear_scale
from pdenet.solution import Solution

SHOWN = 6  # functions


def application_figure(
    solutions: Sequence[Solution], ensemble: Ensemble, labels: Sequence[str]
) -> Figure:
    """Input functions and solutions, a row each, the first few.

    Args:
        solutions: One solution a function, of coordinates.
        ensemble: The functions.
        labels: What to say of each function.

    Returns:
        The figure.
    """
    rows, panel = [], PANEL
    for i, one in enumerate(solutions[:SHOWN]):
        drawn = Ensemble({n: _drawn(f) for n, f in ensemble[[i]].functions.items()}, {})
        example = Example(labels[i], drawn, one, None)
        probe = Probe(one)
        outputs, panel = _outputs(probe)
        rows.append([*(input_panel(example, n) for n in drawn.functions), *outputs])
    name, total = solutions[0].problem.name, len(ensemble)
    more = f", the first {SHOWN} of {total}" if total > SHOWN else ""
    return compose(rows, f"{name} applied to new input functions{more}", panel)


def _outputs(probe: Probe) -> tuple[list[Draw], Panel]:
    """Panels of the fields: a curve with its reference, or a map at the last time."""
    domain = probe.problem.domain
    names = (*domain.space, *(() if domain.time is None else (domain.time,)), *domain.coordinates)
    axes = tuple(dict.fromkeys(names))
    if len(axes) == 1:
        view = View(domain)
        line = view.along(axes[0], view.cases(axes)[0])
        sample = probe.masked(line.x, residual=False)
        return [
            value_panel(
                [Curve(line.abscissa, sample.predicted[n], "", sample.exact.get(n))],
                n,
                axes[0],
                n,
            )
            for n in probe.names
        ], PANEL
    moving = domain.time is not None and len(domain.space) == 1
    pair = (axes[1], axes[0]) if moving else (axes[0], axes[1])
    case = View(domain).final(pair)
    (plane,) = planes(probe, [pair], [case], residual=False)
    values = plane.sample.predicted
    equal = set(pair) <= set(domain.space)
    draws = [
        map_panel(plane.mesh, v, joined(n, case.label), linear_scale([v]), equal=equal)
        for n, v in values.items()
    ]
    return draws, panel_of(probe, plane.mesh)


def _drawn(functions: Functions) -> Functions:
    """Functions that have a value wherever a figure asks for one."""
    if not isinstance(functions, AtSensors):
        return functions
    axes = dict(zip(functions.coordinates, functions.sensors.T.numpy(), strict=True))
    return Tabulated(Nodes(axes, (len(functions.sensors),)), functions.values)
