"""Patches of unequal width along coordinates: narrow where the solution bends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pdenet.geometry import Box, Points
from pdenet.problem import Problem

SAMPLES = 4001
# Of the domain's length: fronts move, and bend on both sides of where they are steep.
MARGIN, STEADY_MARGIN = 0.01, 0.001
EVEN = 0.5  # of the patches; the solution may bend elsewhere soon
TIMES = 5
LINES = 41  # across, in a plane
CUT_SHARE = 0.3  # of what is left in the worst row of patches: rows with as much are cut in two
CORNER = 0.15  # of a patch at a side, where it is cut: best for singular corners in hp methods

Edges = tuple[tuple[float, ...], ...]
"""Edges of patches from -1 to 1 along each coordinate; empty along those that are not cut."""


def is_graded(problem: Problem) -> bool:
    """Whether patches follow what a problem's solution does, and are joined by rows.

    They do along an interval where time is the other coordinate, and in a rectangle.

    Args:
        problem: The problem.

    Returns:
        Whether :func:`graded_edges` takes it.
    """
    if len(problem.coordinates) != 2 or problem.inputs:
        return False
    return "t" in problem.coordinates or is_rectangle(problem)


def is_rectangle(problem: Problem) -> bool:
    """Whether a problem is one of a rectangle, without time.

    Args:
        problem: The problem.

    Returns:
        Whether that is so.
    """
    domain = problem.domain
    plane = isinstance(domain, Box) and domain.dimension == 2 and not domain.parameters
    return plane and "t" not in problem.coordinates


def graded_edges(
    values: Callable[[Tensor], Tensor], problem: Problem, patches: int, *, start_only: bool = False
) -> Edges:
    r"""Edges of patches whose number in any part grows like the integral of a monitor.

    The monitor is the root of the smoothed curvature, :math:`|u_{xx}|^{1/2}`, largest over the
    other coordinate: a bend of length l gets patches as narrow as l, in proportion. Half of the
    patches are even.

    Args:
        values: Map (n, coordinates) to (n, outputs).
        problem: The problem, of two coordinates.
        patches: Number of patches along each space coordinate.
        start_only: Whether to look at the first time alone.

    Returns:
        Numbers from -1 to 1, one more than patches, along each space coordinate.

    Reference:
        de Boor, Good approximation by splines with variable knots II, Lect. Notes Math. 363, 1974.
    """
    names = problem.coordinates
    return tuple(
        () if name == "t" else _along(values, problem, patches, axis, start_only)
        for axis, name in enumerate(names)
    )


def finer_edges(edges: Edges, left: Tensor) -> Edges:
    """Edges that cut rows of patches of a rectangle in two where most is left of the residual.

    Rows at a side are cut near it, as suits singular corners; others in the middle.

    Args:
        edges: Edges of the present patches.
        left: What is left in each patch, shape (patches,), the last coordinate's varying fastest.

    Returns:
        More edges along at least one coordinate.

    Reference:
        Schwab, p- and hp-Finite Element Methods, Oxford 1998, section 4.5 (geometric meshes).
    """
    counts = [len(along) - 1 for along in edges]
    table = left.reshape(counts)
    rows = [table.sum(1 - axis) for axis in range(len(counts))]
    largest = max(float(row.max()) for row in rows)
    found = []
    for along, row in zip(edges, rows, strict=True):
        cuts = [
            _cut(along[k], along[k + 1]) for k in range(len(row)) if row[k] >= CUT_SHARE * largest
        ]
        found.append(tuple(sorted([*along, *cuts])))
    return tuple(found)


def _cut(low: float, high: float) -> float:
    """Where to cut a patch from low to high."""
    if low == -1 and high < 1:
        return low + CORNER * (high - low)
    if high == 1 and low > -1:
        return high - CORNER * (high - low)
    return (low + high) / 2


def _along(
    values: Callable[[Tensor], Tensor], problem: Problem, patches: int, axis: int, start_only: bool
) -> tuple[float, ...]:
    line = np.linspace(-1.0, 1.0, SAMPLES)
    if "t" in problem.coordinates:
        # Each time counts alike: a front that forms late bends as much as one that stands.
        across = [-1.0] if start_only else np.linspace(-1.0, 1.0, TIMES)
        # A periodic start may have a kink where the interval closes.
        closed = any(condition.paired for condition in problem.conditions.values())
        curvatures = (_curvature(_on_line(values, problem, axis, c), closed) for c in across)
        monitor = np.max([_bends(c, MARGIN, closed) for c in curvatures], axis=0)
    else:
        lines = (_on_line(values, problem, axis, c) for c in np.linspace(-1.0, 1.0, LINES))
        largest = np.max([_curvature(u, closed=False) for u in lines], axis=0)
        monitor = _bends(largest, STEADY_MARGIN, closed=False)
    total = np.concatenate([[0.0], np.cumsum(monitor[1:] + monitor[:-1])])
    if total[-1] > 0:
        share = EVEN * (line + 1) / 2 + (1 - EVEN) * total / total[-1]
    else:
        share = (line + 1) / 2
    edges = np.interp(np.linspace(0.0, 1.0, patches + 1), share, line)
    return tuple(float(e) for e in edges)


def _on_line(
    values: Callable[[Tensor], Tensor], problem: Problem, axis: int, across: float
) -> np.ndarray:
    """Values along one coordinate, where the other has a value from -1 to 1."""
    scaled = np.full((SAMPLES, 2), across)
    scaled[:, axis] = np.linspace(-1.0, 1.0, SAMPLES)
    low, high = np.transpose([problem.domain.bounds[name] for name in problem.coordinates])
    with torch.no_grad():
        u = values(torch.from_numpy((low + high) / 2 + (high - low) / 2 * scaled))
    return u.cpu().numpy()


def _curvature(u: np.ndarray, closed: bool) -> np.ndarray:
    # The first and last sample are one where the interval closes; else their curvature is unknown.
    before, behind = (u[-2:-1], u[1:2]) if closed else (2 * u[:1] - u[1:2], 2 * u[-1:] - u[-2:-1])
    return np.abs(np.diff(np.concatenate([before, u, behind]), n=2, axis=0))


def _bends(curvature: np.ndarray, margin: float, closed: bool) -> np.ndarray:
    """Root of the smoothed curvature of all columns, each over its largest."""
    width = max(1, round(margin * len(curvature)))
    bend = np.zeros(len(curvature))
    for column in np.pad(curvature, ((width, width), (0, 0)), "wrap" if closed else "edge").T:
        smooth = np.convolve(column, _hat(width), mode="same")[width:-width]
        if smooth.max() > 0:
            bend += np.sqrt(smooth / smooth.max())
    return bend


def _hat(width: int) -> np.ndarray:
    hat = width - np.abs(np.arange(-width + 1, width), dtype=float)
    return hat / hat.sum()


def moved(points: Points, problem: Problem, edges: Edges) -> Points:
    """Even points, now as many in each patch, and denser towards its edges and those of time.

    Polynomials are best fitted at points of the density of Chebyshev's nodes; so are features.

    Args:
        points: Points of any region.
        problem: The problem.
        edges: What :func:`graded_edges` returned.

    Returns:
        The points; measurements stay where they are.
    """
    if points.index is not None:
        return points
    x, stretch = points.x.clone(), torch.ones_like(points.weight)
    for column, name in enumerate(points.coordinates):
        low, high = problem.domain.bounds[name]
        even = ((2 * points.x[:, column] - low - high) / (high - low)).clamp(-1.0, 1.0)
        if float(even.max() - even.min()) > 0:  # a face stays where it is
            nodes = edges[problem.coordinates.index(name)] or (-1.0, 1.0)
            place, slope = _placed(even, even.new_tensor(nodes))
            x[:, column] = (low + high) / 2 + (high - low) / 2 * place
            stretch *= torch.where(even.abs() == 1, 1.0, slope)  # one of several faces
    return replace(points, x=x, weight=points.weight * stretch, density=points.density / stretch)


def _placed(even: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
    """Places in [-1, 1] among graded patches, and the slope of the map, each of shape (n,)."""
    patches = len(edges) - 1
    position = (even + 1) / 2 * patches
    patch = position.long().clamp(max=patches - 1)
    local = 2 * (position - patch) - 1
    half = (edges[patch + 1] - edges[patch]) / 2
    place = edges[patch] + half * (1 + torch.sin(torch.pi / 2 * local))
    slope = half * patches * (torch.pi / 2) * torch.cos(torch.pi / 2 * local)
    return place, slope.clamp(min=1e-9)


def moved_all(points: Mapping[str, Points], problem: Problem, edges: Edges) -> dict[str, Points]:
    """The same for the points of all conditions.

    Args:
        points: Points by condition.
        problem: The problem.
        edges: The edges; empty where points stay.

    Returns:
        Points by condition.
    """
    if not edges:
        return dict(points)
    return {name: moved(p, problem, edges) for name, p in points.items()}
