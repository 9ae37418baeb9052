"""Figures of planes: a field over space and time, over a region, or over cuts of a solid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure

from pdenet.report.domain_mesh import LONGEST, plane_mesh
from pdenet.report.map_panels import aspect, flow_panel, map_panel
from pdenet.report.mesh import Mesh
from pdenet.report.probe import Array, Probe, Sample, largest, rms
from pdenet.report.slices import Case, joined
from pdenet.report.style import (
    Draw,
    Panel,
    compose,
    linear_scale,
    log_scale,
    number,
)

PLANE_POINTS = 18_000  # all planes of a figure together
PANEL_ROWS = 6  # of one figure; more go to the next
FLOW_LATTICE = 61
FLAT = 0.5  # height over width below which panels get wider
Stem = tuple[str, Figure]


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane through the domain, with everything known on it.

    Args:
        label: What is held fixed, readable; may be empty.
        mesh: Its mesh.
        sample: Values at the mesh's points.
    """

    label: str
    mesh: Mesh
    sample: Sample


def planes(
    probe: Probe,
    axes: Sequence[tuple[str, str]],
    cases: Sequence[Case],
    *,
    residual: bool = True,
) -> list[Plane]:
    """Evaluates planes.

    Args:
        probe: The solution.
        axes: Horizontal and vertical coordinate of each plane.
        cases: What each holds fixed; as many as ``axes``.
        residual: Whether the equations' residuals are wanted.

    Returns:
        The planes that meet the domain.
    """
    found, domain = [], probe.problem.domain
    for pair, case in zip(axes, cases, strict=True):
        mesh = plane_mesh(domain, pair, case.fixed, PLANE_POINTS // len(cases))
        if len(mesh.cells):
            sample = probe(mesh.columns(domain.coordinates, case.fixed), residual=residual)
            found.append(Plane(case.label, mesh, sample))
    return found


def map_figures(probe: Probe, views: Sequence[Plane], title: str) -> Iterator[Stem]:
    """Solution, error and residual: side by side for one plane, a figure each for several.

    Args:
        probe: The solution.
        views: Planes.
        title: Of every figure.

    Yields:
        File stems and figures.
    """
    if len(views) == 1:
        columns = [
            column
            for column in (_fields(probe, views), _errors(probe, views), _residuals(probe, views))
            if column
        ]
        depth = max(len(column) for column in columns)
        rows = [[c[i][0] if i < len(c) else None for c in columns] for i in range(depth)]
        yield from paged("solution", rows, title, panel_of(probe, views[0].mesh))
        return
    for stem, rows in (
        ("solution", _fields(probe, views)),
        ("error", _errors(probe, views)),
        ("residual", _residuals(probe, views)),
    ):
        if rows:
            yield from paged(stem, rows, title, panel_of(probe, views[0].mesh))


def flow_figures(probe: Probe, view: Plane, case: Case, title: str) -> Iterator[Stem]:
    """Streamlines of every plane vector field, over its magnitude.

    A vector field of two components is one; so are scalar fields u, v beside a pressure p.

    Args:
        probe: The solution, on a domain whose space is a plane.
        view: The plane.
        case: What it holds fixed.
        title: Of the figure.

    Yields:
        File stem and figure, where there is such a field.
    """
    pairs = {n: parts for n, parts in probe.components.items() if probe.problem.shapes[n] == (2,)}
    if all(probe.problem.shapes.get(n) == () for n in ("u", "v", "p")):
        pairs["(u, v)"] = ("u", "v")
    if not pairs:
        return
    domain = probe.problem.domain
    sides = tuple(np.linspace(*domain.bounds[a], FLOW_LATTICE) for a in view.mesh.axes)
    across, up = (side.ravel() for side in np.meshgrid(*sides))
    lattice = Mesh(view.mesh.axes, np.stack([across, up], -1), "quad", np.zeros((0, 4), int))
    on_lattice = probe.masked(lattice.columns(domain.coordinates, case.fixed), residual=False)
    draws: list[Draw | None] = []
    for name, (u, v) in pairs.items():
        speed = np.hypot(view.sample.predicted[u], view.sample.predicted[v])
        flow = tuple(on_lattice.predicted[c].reshape(FLOW_LATTICE, -1) for c in (u, v))
        label = joined(f"|{name}| and its direction", view.label)
        draws.append(flow_panel(view.mesh, speed, sides, flow, label, linear_scale([speed])))  # type: ignore[arg-type]
    yield "flow", compose([draws], title, panel_of(probe, view.mesh, width=5.2))


def paged(
    stem: str, rows: Sequence[Sequence[Draw | None]], title: str, panel: Panel
) -> Iterator[Stem]:
    """Figures of at most ``PANEL_ROWS`` rows each.

    Args:
        stem: Of the first file; the others get a number.
        rows: Panels.
        title: Of every figure.
        panel: Size and margins of each panel.

    Yields:
        File stems and figures.
    """
    for page, start in enumerate(range(0, len(rows), PANEL_ROWS)):
        name = f"{stem}-{page + 1}" if page else stem
        yield name, compose(rows[start : start + PANEL_ROWS], title, panel)


def panel_of(probe: Probe, mesh: Mesh, width: float = 4.0) -> Panel:
    """The panel that suits a plane's sides, with room for a colour bar."""
    panel = Panel(width, 2.9, left=0.65, right=0.85)
    ratio = aspect(mesh)
    if not spatial(probe, mesh) or not 1 / LONGEST <= ratio <= LONGEST:
        return panel
    margins = panel.left + panel.right
    inner = (width - margins) * (1.6 if ratio < FLAT else 1.0)
    height = min(ratio * inner, 4.5) + panel.bottom + panel.top
    return replace(panel, width=inner + margins, height=height)


def spatial(probe: Probe, mesh: Mesh) -> bool:
    """Whether both axes are coordinates of space."""
    return set(mesh.axes) <= set(probe.problem.domain.space)


def _fields(probe: Probe, views: Sequence[Plane]) -> list[list[Draw]]:
    rows = []
    for name in probe.names:
        values = [v.sample.predicted[name] for v in views]
        titles = [joined(name, v.label) for v in views]
        rows.append(_row(probe, views, values, titles, log=False))
    return rows


def _errors(probe: Probe, views: Sequence[Plane]) -> list[list[Draw]]:
    rows = []
    for name in probe.names:
        errors = [v.sample.error(name) for v in views]
        known = [e for e in errors if e is not None]
        if len(known) == len(views):
            titles = [
                joined(f"|{name} - reference|", v.label, f"max {number(largest(e))}")
                for v, e in zip(views, known, strict=True)
            ]
            rows.append(_row(probe, views, known, titles, log=True))
    return rows


def _residuals(probe: Probe, views: Sequence[Plane]) -> list[list[Draw]]:
    rows = []
    for name in probe.equations:
        values = [v.sample.residual[name] for v in views]
        titles = [
            joined(f"|residual of {name}|", v.label, f"rms {number(rms(r))}")
            for v, r in zip(views, values, strict=True)
        ]
        rows.append(_row(probe, views, values, titles, log=True))
    return rows


def _row(
    probe: Probe, views: Sequence[Plane], values: Sequence[Array], titles: Sequence[str], log: bool
) -> list[Draw]:
    """Panels that share one scale, so that they compare."""
    scale = log_scale(values) if log else linear_scale(values)
    return [
        map_panel(view.mesh, v, title, scale, equal=spatial(probe, view.mesh))
        for view, v, title in zip(views, values, titles, strict=True)
    ]
