"""Time marching: windows of time, solved one after the other, each from the end of the last."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pdenet.conditions import Initial, with_signature
from pdenet.geometry import Points
from pdenet.problem import Problem
from pdenet.record import Curve
from pdenet.residuals import Residuals
from pdenet.run.fit import Fit, fit
from pdenet.run.setup import Run


class Windows(nn.Module):
    """Networks of successive windows as one: every point goes to its window's network.

    Args:
        models: Networks, in the order of time.
        edges: Times at which one hands over to the next; one less than there are networks.
        column: Column of x that holds the time.
    """

    def __init__(self, models: Sequence[nn.Module], edges: Sequence[float], column: int) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)
        self.edges, self.column = tuple(edges), column

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, coordinates) to (n, outputs)."""
        result = self.models[0](x)
        for model, edge in zip(itertools.islice(self.models, 1, None), self.edges, strict=True):
            time = x[..., self.column]
            # Jets pass too: their value decides, as where is constant between the edges.
            value = time if isinstance(time, Tensor) else time.value
            later = (value >= edge).to(x.dtype).unsqueeze(-1)
            result = later * model(x) + (1 - later) * result
        return result


def march(
    run: Run, finished: Sequence[dict[str, Any]], checkpoint: dict[str, Any] | None
) -> list[Fit]:
    """Solves a problem window by window.

    Args:
        run: The run; its settings say how many windows.
        finished: State of the solvers of windows that were finished before.
        checkpoint: Where to go on within the first unfinished window, or None.

    Returns:
        The fits of all windows, finished ones with their state alone; fewer than wanted where one
        broke off.

    Raises:
        ValueError: The problem has no time.
    """
    edges = window_edges(run.problem, run.settings.windows)
    fits: list[Fit] = []
    for start, end in itertools.pairwise(edges):
        window = _window(run, fits, start, end)
        if len(fits) < len(finished):
            fits.append(_finished(window, finished[len(fits)]))
            continue
        fits.append(fit(window, checkpoint))
        checkpoint = None
        if fits[-1].broken or fits[-1].stopped_by == "interrupted":
            break
    return fits


def restored(run: Run, states: Sequence[dict[str, Any]]) -> Residuals:
    """The network of a run that was saved.

    Args:
        run: The run.
        states: State of the solver of each window that was begun.

    Returns:
        Network and problem, windows joined.
    """
    if run.settings.windows == 1:
        return _finished(run, states[0]).solver.residuals
    edges = window_edges(run.problem, run.settings.windows)
    fits: list[Fit] = []
    for state, (start, end) in zip(states, itertools.pairwise(edges), strict=False):
        fits.append(_finished(_window(run, fits, start, end), state))
    return joined(run.problem, fits)


def _window(run: Run, fits: Sequence[Fit], start: float, end: float) -> Run:
    """The run on one window, from where the last one ended."""
    values = continuation(run.problem, fits[-1].solver.residuals, start) if fits else None
    return run.window(run.problem.at_time(start, end, values))


def _finished(window: Run, state: dict[str, Any]) -> Fit:
    solver = window.build_solver()
    solver.load_state_dict(state)
    return Fit(solver, {"state_dict": state}, Curve(), "target", "finished before")


def window_edges(problem: Problem, windows: int) -> list[float]:
    """First and last time, and those between windows.

    Args:
        problem: The problem.
        windows: How many windows.

    Returns:
        Times, one more than windows.

    Raises:
        ValueError: The problem has no time.
    """
    if windows > 1 and problem.domain.time is None:
        raise ValueError(
            f"--windows {windows} needs a problem in time; {problem.name!r} has coordinates "
            f"{problem.coordinates}."
        )
    first, last = problem.domain.bounds.get("t", (0.0, 0.0))
    return [float(t) for t in np.linspace(first, last, windows + 1)]


def joined(problem: Problem, fits: Sequence[Fit]) -> Residuals:
    """The whole problem with the networks of all its windows.

    Args:
        problem: The whole problem.
        fits: Its windows' fits.

    Returns:
        Residuals whose network is that of each point's window.
    """
    if len(fits) == 1:
        return fits[0].solver.residuals
    edges = [later.solver.problem.domain.bounds["t"][0] for later in fits[1:]]
    column = problem.coordinates.index("t")
    residuals = [one.solver.residuals for one in fits]
    model = Windows([r.model for r in residuals], edges, column)
    whole = Residuals(problem, model, set(problem.conditions) - set(residuals[0].conditions))
    whole.unknowns = residuals[-1].unknowns
    return whole


def joined_points(fits: Sequence[Fit]) -> dict[str, Points]:
    """The last training points of all windows; start values only where the problem has them."""
    points = dict(fits[0].solver.points)
    for later in fits[1:]:
        conditions = later.solver.residuals.conditions
        for name in (n for n, c in conditions.items() if not isinstance(c, Initial)):
            points[name] = Points.concatenate([points[name], later.solver.points[name]])
    return points


def continuation(problem: Problem, residuals: Residuals, time: float) -> dict[str, Any]:
    """Values and rates at a window's end, as functions of the other coordinates.

    Args:
        problem: The whole problem.
        residuals: The window's network.
        time: Its last time.

    Returns:
        By field: a function, or a tuple of them for a vector; rates under ``"u.t"``.
    """
    frozen = residuals.model.eval().requires_grad_(False)
    values: dict[str, Any] = {}
    column = 0
    for name, shape in problem.shapes.items():
        size = int(np.prod(shape))
        parts = tuple(_at(problem, frozen, column + i, time) for i in range(size))
        rates = tuple(_rate_at(problem, frozen, column + i, time) for i in range(size))
        values[name] = parts if shape else parts[0]
        values[f"{name}.t"] = rates if shape else rates[0]
        column += size
    return values


def _at(problem: Problem, model: nn.Module, column: int, time: float) -> Callable[..., Any]:
    names = [c for c in problem.coordinates if c != "t"]

    def value(**known: Any) -> Any:
        return model(_stacked(problem, known, time))[..., column]

    return with_signature(value, names)


def _rate_at(problem: Problem, model: nn.Module, column: int, time: float) -> Callable[..., Any]:
    """The time derivative, by a central difference of fourth order.

    A formula of network values stays a function that jets pass through, whatever the network; at a
    step of 1e-3 of the time its error is near round-off for smooth solutions.

    Args:
        problem: The whole problem.
        model: The window's network.
        column: The output.
        time: The window's last time.

    Returns:
        Function of the other coordinates.
    """
    low, high = problem.domain.bounds["t"]
    step = 1e-3 * (high - low)
    names = [c for c in problem.coordinates if c != "t"]

    def rate(**known: Any) -> Any:
        def u(t: float) -> Any:
            return model(_stacked(problem, known, t))[..., column]

        near, far = u(time + step) - u(time - step), u(time + 2 * step) - u(time - 2 * step)
        return (8 * near - far) / (12 * step)

    return with_signature(rate, names)


def _stacked(problem: Problem, known: Mapping[str, Any], time: float) -> Any:
    first = next(iter(known.values()))
    columns = [known[c] if c != "t" else 0 * first + time for c in problem.coordinates]
    return torch.stack(columns, dim=-1)
