"""What is shown of an operator: its solutions for a few unseen functions, and all errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pdenet.functions import Ensemble
from pdenet.geometry import Domain
from pdenet.operator_errors import UNSEEN, OperatorComparison, OperatorError
from pdenet.operators import OperatorResiduals
from pdenet.report.domain_mesh import domain_mesh
from pdenet.report.line_panels import Curve, value_panel
from pdenet.report.map_panels import map_panel
from pdenet.report.probe import to_array
from pdenet.report.style import PREDICTED, Draw, Panel, compose, linear_scale, number, say
from pdenet.solution import Solution

PANEL = Panel(4.2, 2.9)
LINE, MAP = 401, 4_000  # points


@dataclass(frozen=True, eq=False)
class Example:
    """The solution for one input function of each kind that nothing was trained on.

    Args:
        label: Which function: typical, worst.
        ensemble: The function.
        solution: The solution for it, of coordinates alone.
        error: Its relative L2 error, or None where it is not known.
    """

    label: str
    ensemble: Ensemble
    solution: Solution
    error: float | None


def examples(solution: Solution) -> list[Example]:
    """Solutions for the function with the median error and for that with the largest.

    Args:
        solution: An operator's.

    Returns:
        Two examples, or one where errors are not known.
    """
    residuals = solution.residuals
    assert isinstance(residuals, OperatorResiduals)
    errors = _errors(residuals)
    ensemble = Ensemble.unseen(solution.problem.inputs, UNSEEN)
    if errors is None:
        chosen: dict[str, int] = {"first": 0}
    else:
        order = errors.argsort()
        chosen = {"typical": int(order[len(order) // 2]), "worst": int(order[-1])}
    found = []
    for label, index in chosen.items():
        one = ensemble[[index]]
        at = Solution(residuals.at(one), solution.record, solution.folder)
        error = None if errors is None else float(errors[index])
        found.append(Example(label, one, at, error))
    return found


def is_operator(solution: Solution) -> bool:
    """Whether a solution still depends on input functions."""
    return isinstance(solution.residuals, OperatorResiduals)


def input_figure(found: list[Example], title: str) -> Figure:
    """The input functions of the examples.

    Args:
        found: The examples.
        title: Of the figure.

    Returns:
        One row an example, one panel an input.
    """
    rows = [[input_panel(one, name) for name in one.ensemble.functions] for one in found]
    return compose(rows, title, PANEL)


def spread_figure(solution: Solution, title: str) -> Figure | None:
    """How the errors of unseen functions scatter; None where they are not known.

    Args:
        solution: An operator's.
        title: Of the figure.

    Returns:
        A histogram on a logarithmic axis.
    """
    assert isinstance(solution.residuals, OperatorResiduals)
    errors = _errors(solution.residuals)
    if errors is None:
        return None
    return compose([[_histogram(to_array(errors), solution.problem.target)]], title, PANEL)


def _errors(residuals: OperatorResiduals) -> torch.Tensor | None:
    """Relative L2 error of each unseen function, worst field."""
    comparison = OperatorComparison.of(residuals.problem)
    if comparison is None:
        return None
    found = [e for e in comparison.errors(residuals).values() if isinstance(e, OperatorError)]
    each = [e.each for e in found if e.each is not None]
    return torch.stack(each).amax(0) if each else None


def input_panel(example: Example, name: str) -> Draw:
    """The input function of an example.

    Args:
        example: The example.
        name: Which input.

    Returns:
        What draws the panel.
    """
    functions = example.ensemble.functions[name]
    region = example.solution.problem.inputs[name].on
    said = "" if example.error is None else f", error {number(example.error)}"
    title = f"{name}, {example.label}{said}"
    assert region is not None
    if len(functions.coordinates) == 1:
        (along,) = functions.coordinates
        x = np.linspace(*region.bounds[along], LINE)
        values = to_array(functions(torch.as_tensor(x[:, None])))[:, 0]
        return value_panel([Curve(x, values, "input")], title, along, name)
    if len(functions.coordinates) == 2 and isinstance(region, Domain):
        mesh = domain_mesh(region, MAP)
        points = torch.as_tensor(mesh.columns(functions.coordinates, {}))
        values = to_array(functions(points))[:, 0]
        return map_panel(mesh, values, title, linear_scale([values]), equal=True)
    return lambda ax: say(ax, f"{name} is a function of {', '.join(functions.coordinates)}")


def _histogram(errors: np.ndarray, target: float) -> Draw:
    def draw(ax: Axes) -> None:
        positive = errors[errors > 0]
        if not len(positive):
            return say(ax, "no error anywhere")
        edges = np.geomspace(positive.min() / 1.1, positive.max() * 1.1, 24)
        ax.hist(positive, bins=edges.tolist(), color=PREDICTED, alpha=0.8)
        ax.axvline(target, color="#555555", lw=1.0, ls="--", label="target")
        ax.set_xscale("log")
        ax.set_title(f"{len(errors)} unseen functions, mean {number(float(errors.mean()))}")
        ax.set_xlabel("relative L2 error")
        ax.set_ylabel("functions")
        ax.legend(fontsize=7.5, framealpha=0.7, edgecolor="none")
        return None

    return draw


def figures_of(found: list[Example]) -> Iterator[tuple[str, Solution, str]]:
    """Suffix of the file stems, solution, and what to say of it, example by example."""
    for one in found:
        said = "" if one.error is None else f": relative L2 error {number(one.error)}"
        yield one.label, one.solution, f"{one.label} unseen function{said}"
