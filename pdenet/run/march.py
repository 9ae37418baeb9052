"""Time marching: windows of time, and what each starts from: the end of the last."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pdenet.conditions import with_signature
from pdenet.jets.fused import is_eager
from pdenet.networks import routed
from pdenet.problem import Problem
from pdenet.residuals import Residuals

# Of a window's length. The error is (k h)^4 / 30 of a rate of frequency k; ten times less would
# lose as much to round-off.
RATE_STEP = 1e-3
NODES = (0.0, 0.5, 1.0)  # of a window's length before its end: what extrapolation goes through


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
        time = x[..., self.column]
        # Jets pass too: their value decides, as the choice is constant between the edges.
        value = time if isinstance(time, Tensor) else time.value
        numbers = torch.bucketize(
            value.detach().contiguous(), value.new_tensor(self.edges), right=True
        )
        return routed(x, numbers, lambda number: self.models[number])


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


def check_windows(problem: Problem, windows: int) -> None:
    """Refuses windows that a problem cannot be cut into.

    Args:
        problem: The problem.
        windows: How many windows.

    Raises:
        ValueError: The problem has no time, or a condition that no window can carry.
    """
    edges = window_edges(problem, windows)
    if windows > 1:
        for start, end in itertools.pairwise(edges):
            problem.at_time(start, end)


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
    low, high = residuals.problem.domain.bounds["t"]
    values: dict[str, Any] = {}
    column = 0
    for name, shape in problem.shapes.items():
        columns = range(column, column := column + math.prod(shape))
        values[name] = _nested([_at(problem, frozen, i, time) for i in columns], shape)
        step = RATE_STEP * (high - low)
        rates = [_rate_at(problem, frozen, i, time, step) for i in columns]
        values[f"{name}.t"] = _nested(rates, shape)
    return values


def extrapolated(problem: Problem, residuals: Residuals, time: float) -> Callable[[Tensor], Tensor]:
    """A window's network beyond its end, by a polynomial in time through its last values.

    Args:
        problem: The whole problem.
        residuals: The window's network.
        time: Its last time.

    Returns:
        Function of points (n, coordinates) to values (n, outputs).
    """
    column = problem.coordinates.index("t")
    low, high = residuals.problem.domain.bounds["t"]
    times = [time - part * (high - low) for part in NODES]

    def values(x: Tensor) -> Tensor:
        model = residuals.model.to(x.device)
        t = x[:, column : column + 1]
        moved = x.repeat(len(times), 1)
        moved[:, column] = x.new_tensor(times).repeat_interleave(len(x))
        shares = [_share(t, node, times) for node in times]
        return (torch.stack(shares) * model(moved).view(len(times), len(x), -1)).sum(0)

    return values


def _share(t: Tensor, node: float, nodes: Sequence[float]) -> Tensor:
    """Lagrange's polynomial that is one at a node and zero at all others."""
    factors = [(t - other) / (node - other) for other in nodes if other != node]
    return torch.stack(factors).prod(0)


def _nested(parts: list[Any], shape: tuple[int, ...]) -> Any:
    """Components as the tuples of tuples that values of a field are given by."""
    if not shape:
        return parts[0]
    size = len(parts) // shape[0]
    return tuple(_nested(parts[i : i + size], shape[1:]) for i in range(0, len(parts), size))


def _at(problem: Problem, model: nn.Module, column: int, time: float) -> Any:
    def value(**known: Any) -> Any:
        return _output(problem, model, column, time, known)

    return _function(problem, value)


def _rate_at(problem: Problem, model: nn.Module, column: int, time: float, step: float) -> Any:
    """The time derivative, by a central difference of fourth order.

    A formula of network values stays a function that jets pass through, whatever the network.

    Args:
        problem: The whole problem.
        model: The window's network.
        column: The output.
        time: The window's last time.
        step: Half the distance of the inner two times.

    Returns:
        Function of the other coordinates, or a number where there are none.
    """

    def rate(**known: Any) -> Any:
        def u(t: float) -> Any:
            return _output(problem, model, column, t, known)

        near, far = u(time + step) - u(time - step), u(time + 2 * step) - u(time - 2 * step)
        return (8 * near - far) / (12 * step)

    return _function(problem, rate)


def _function(problem: Problem, function: Callable[..., Any]) -> Any:
    """A function with the names of all coordinates but time; a number where there are none."""
    names = [c for c in problem.coordinates if c != "t"]
    return with_signature(remembered(function), names) if names else float(function())


def remembered(function: Callable[..., Tensor], most: int = 1024) -> Callable[..., Any]:
    """A function that computes nothing twice: training asks for the same points at every step.

    Args:
        function: Of tensors or jets by name; it depends on nothing else.
        most: Results of tensors that are kept, the latest ones; those of jets never are.

    Returns:
        A function of the same values.
    """
    known: dict[tuple[Any, ...], Tensor] = {}

    def value(**given: Any) -> Any:
        plain = all(type(x) is Tensor and not x.requires_grad for x in given.values())
        if not plain or not is_eager():  # transforms and compilers have no numbers to look up
            return function(**given)
        key = tuple(
            (n, x.dtype, x.device, x.shape, x.cpu().numpy().tobytes()) for n, x in given.items()
        )
        if key not in known:
            while len(known) >= most:
                known.pop(next(iter(known)))
            known[key] = function(**given).detach()
        return known[key]

    return value


def _output(
    problem: Problem, model: nn.Module, column: int, time: float, known: Mapping[str, Any]
) -> Any:
    """One output of a network at a time: shape (n,), or () where time is the only coordinate."""
    if not known:
        like = next(model.parameters())
        return model(like.new_full((1, 1), time))[0, column]
    first = next(iter(known.values()))
    if next(model.parameters()).device != first.device:
        model.to(first.device)  # a trainer leaves what it trained on the CPU
    columns = [known[c] if c != "t" else 0 * first + time for c in problem.coordinates]
    return model(torch.stack(columns, dim=-1))[..., column]
