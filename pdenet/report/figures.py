"""Figures of a solution: which ones suit its dimensions, and where they are written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from matplotlib.figure import Figure

from pdenet.record import Record
from pdenet.report.clouds import cloud_figures
from pdenet.report.diagnosis import diagnosis_figures
from pdenet.report.lines import curve_figures, cut_figures, slice_figures
from pdenet.report.maps import flow_figures, map_figures, planes
from pdenet.report.operators import (
    examples,
    figures_of,
    input_figure,
    is_operator,
    spread_figure,
)
from pdenet.report.probe import Probe
from pdenet.report.sampling import sampling_figures, write_film
from pdenet.report.slices import Case, View, joined
from pdenet.report.style import number, save
from pdenet.report.training import lowest_energy, training_figure
from pdenet.solution import Solution

CAPTIONS = {
    "inputs": "Input functions that nothing was trained on: the one with the median error, and "
    "the worst.",
    "spread": "Errors on functions that nothing was trained on.",
    "solution": "Solution, with its pointwise error and residual where they fit beside it.",
    "error": "Pointwise error, on a logarithmic scale that the panels of a row share.",
    "residual": "Residual of each equation, on a logarithmic scale.",
    "slices": "Profiles at several times; the reference is dashed.",
    "flow": "Magnitude and direction of the vector field.",
    "cuts": "Cuts through the centre of the domain; the reference is dashed.",
    "scatter": "Network against reference over the whole domain, and the distribution of errors.",
    "training": "Training: loss, terms and error against steps and seconds; shades are phases.",
    "stages": "Why training took as long as it did: stages of the loss, effective rank, what the "
    "last layer alone would leave, movement of the weights.",
    "spectra": "Eigenvalues of the kernel over training.",
    "regime": "Lazy or rich: how far training moved the kernel.",
    "weights": "Singular values of the weights over training.",
    "points": "Training points, by density relative to uniform, and the residual they came from.",
    "sampling": "Adaptations: how uneven the residual is, and how well the points cover it.",
}


def write_figures(solution: Solution, folder: Path) -> list[Path]:
    """Writes ``figures/*.png`` of a run.

    Args:
        solution: The solution.
        folder: The run's folder.

    Returns:
        The files, in the order in which they are worth looking at.
    """
    target = Path(folder) / "figures"
    target.mkdir(parents=True, exist_ok=True)
    if solution.record.sampling is not None:
        write_film(solution.record.sampling, target / "points.gif")
    return [save(figure, target / f"{stem}.png") for stem, figure in figures(solution)]


def figures(solution: Solution) -> Iterator[tuple[str, Figure]]:
    """Every figure of a solution.

    Args:
        solution: The solution.

    Yields:
        File stems and figures.
    """
    record = solution.record
    title = headline(record)
    if is_operator(solution):
        yield from _of_operator(solution, title)
    else:
        yield from _of_fields(Probe(solution), title)
    floor = lowest_energy(record)
    yield "training", training_figure(record.curve, title, solution.problem.target, floor)
    yield from diagnosis_figures(record.diagnostics, title)
    if record.sampling is not None:
        yield from sampling_figures(record.sampling, title)


def _of_operator(solution: Solution, title: str) -> Iterator[tuple[str, Figure]]:
    found = examples(solution)
    yield "inputs", input_figure(found, title)
    for suffix, one, said in figures_of(found):
        name = solution.record.problem.get("name", "problem")
        for stem, figure in _of_fields(Probe(one), f"{name}, {said}"):
            yield f"{stem}-{suffix}", figure
    spread = spread_figure(solution, title)
    if spread is not None:
        yield "spread", spread


def headline(record: Record) -> str:
    """The problem's name with its errors, or the lack of them, in one line."""
    name = str(record.problem.get("name", "problem"))
    if record.errors is None:
        return f"{name}: no reference, so the error is not known"
    errors = ", ".join(f"{n} {number(e['relative_l2'])}" for n, e in record.errors.items())
    over = any("worst" in e for e in record.errors.values())  # an operator's, with their spread
    kind = "mean relative L2 error of unseen functions" if over else "relative L2 error"
    return f"{name}: {kind} {errors}"


def _of_fields(probe: Probe, title: str) -> Iterator[tuple[str, Figure]]:
    domain = probe.problem.domain
    view, space, time = View(domain), domain.space, domain.time
    if not space:
        yield from curve_figures(probe, view, time or domain.coordinates[0], title)
    elif len(space) == 1 and time is None:
        yield from curve_figures(probe, view, space[0], title)
    elif len(space) == 1 and time is not None:
        axes = (time, space[0])
        cases = view.cases(axes)
        yield from map_figures(probe, planes(probe, [axes] * len(cases), cases), title)
        yield from slice_figures(probe, view, space[0], title)
    elif len(space) == 2:
        yield from _plane(probe, view, (space[0], space[1]), title)
    else:
        yield from _solid(probe, view, title)


def _plane(
    probe: Probe, view: View, axes: tuple[str, str], title: str
) -> Iterator[tuple[str, Figure]]:
    cases = view.cases(axes)
    shown = planes(probe, [axes] * len(cases), cases)
    yield from map_figures(probe, shown, title)
    final = view.final(axes)
    for plane in (p for p in shown if p.label == final.label):
        yield from flow_figures(probe, plane, final, title)


def _solid(probe: Probe, view: View, title: str) -> Iterator[tuple[str, Figure]]:
    yield from cut_figures(probe, view, title)
    if len(view.domain.space) == 3:
        x, y, z = view.domain.space
        axes = [(x, y), (x, z), (y, z)]
        held = [_third_named(view, pair) for pair in axes]
        yield from map_figures(probe, planes(probe, axes, held), title)
    yield from cloud_figures(probe, title)


def _third_named(view: View, axes: tuple[str, str]) -> Case:
    case = view.final(axes)
    (held,) = (n for n in view.domain.space if n not in axes)
    return Case(joined(f"{held} = {case.fixed[held]:.3g}", case.label), case.fixed)
