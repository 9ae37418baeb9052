"""Patches of unequal width: narrow where the solution bends, or where most is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pdenet.geometry import Box, Points
from pdenet.problem import Problem

SAMPLES = 4001
MARGIN = 0.01  # of the domain's length: fronts move, and bend on both sides of where they are steep
EVEN = 0.5  # of the patches; the solution may bend elsewhere soon
TIMES = 5
CUT_SHARE = 0.3  # of what is left in the worst row of patches: rows with as much are cut in two
CORNER = 0.15  # of a patch at a side, where it is cut: best for singular corners in hp methods

Edges = tuple[tuple[float, ...], ...]
"""Edges of patches from -1 to 1 along each coordinate; empty along those that are not cut."""


def is_evolution(problem: Problem) -> bool:
    """Whether a problem is one of an interval and time.

    Args:
        problem: The problem.

    Returns:
        Whether that is so.
    """
    return len(problem.coordinates) == 2 and "t" in problem.coordinates


def conditions_at_ends(problem: Problem) -> list[str]:
    """Conditions at points of an interval at all times, which no more than two patches touch.

    Args:
        problem: The problem.

    Returns:
        Their names; none of problems of other kinds.
    """
    if not is_evolution(problem):
        return []
    found = []
    for name, condition in problem.conditions.items():
        first, last = condition.on.bounds["t"]
        if condition.on.dimension == 1 and first < last:
            found.append(name)
    return found


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

    The monitor is the root of the smoothed curvature, :math:`|u_{xx}|^{1/2}`, largest over time: a
    bend of length l gets patches as narrow as l, in proportion. Half of the patches are even.

    Args:
        values: Map (n, coordinates) to (n, outputs).
        problem: The problem, of one space coordinate and time.
        patches: Number of patches along the interval.
        start_only: Whether to look at the first time alone.

    Returns:
        Numbers from -1 to 1, one more than patches, along the interval.

    Reference:
        de Boor, Good approximation by splines with variable knots II, Lect. Notes Math. 363, 1974.
    """
    line = np.linspace(-1.0, 1.0, SAMPLES)
    # A periodic start may have a kink where the interval closes.
    closed = any(condition.paired for condition in problem.conditions.values())
    monitor = np.zeros(SAMPLES)
    for time in [-1.0] if start_only else np.linspace(-1.0, 1.0, TIMES):
        monitor = np.maximum(monitor, _bends(_on_line(values, problem, time), closed))
    total = np.concatenate([[0.0], np.cumsum(monitor[1:] + monitor[:-1])])
    if total[-1] == 0:
        return _of_interval(problem, even(patches))
    share = EVEN * (line + 1) / 2 + (1 - EVEN) * total / total[-1]
    edges = np.interp(np.linspace(0.0, 1.0, patches + 1), share, line)
    return _of_interval(problem, tuple(float(e) for e in edges))


def even(patches: int) -> tuple[float, ...]:
    """Edges of equal patches along one coordinate.

    Args:
        patches: Their number.

    Returns:
        Numbers from -1 to 1, one more than patches.
    """
    return tuple(float(e) for e in np.linspace(-1.0, 1.0, patches + 1))


def _of_interval(problem: Problem, edges: tuple[float, ...]) -> Edges:
    return tuple(() if name == "t" else edges for name in problem.coordinates)


def finer_edges(edges: Edges, left: Tensor | None) -> Edges:
    """Edges that cut rows of patches of a rectangle in two where most is left of the residual.

    Rows at a side are cut near it, as suits singular corners; others in the middle.

    Args:
        edges: Edges of the present patches.
        left: What is left in each patch, shape (patches,), the last coordinate's varying fastest;
            None cuts all rows.

    Returns:
        More edges along at least one coordinate.

    Reference:
        Schwab, p- and hp-Finite Element Methods, Oxford 1998, section 4.5 (geometric meshes).
    """
    counts = [len(along) - 1 for along in edges]
    table = torch.ones(counts) if left is None else left.reshape(counts)
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


def _on_line(values: Callable[[Tensor], Tensor], problem: Problem, time: float) -> np.ndarray:
    """Values along the interval at a time from -1 to 1, shape (samples, outputs)."""
    scaled = np.full((SAMPLES, 2), time)
    scaled[:, 1 - problem.coordinates.index("t")] = np.linspace(-1.0, 1.0, SAMPLES)
    low, high = np.transpose([problem.domain.bounds[name] for name in problem.coordinates])
    with torch.no_grad():
        u = values(torch.from_numpy((low + high) / 2 + (high - low) / 2 * scaled))
    return u.cpu().numpy()


def _bends(u: np.ndarray, closed: bool) -> np.ndarray:
    """Root of the smoothed curvature of all columns, each over its largest."""
    # The first and last sample are one where the interval closes; else their curvature is unknown.
    before, behind = (u[-2:-1], u[1:2]) if closed else (2 * u[:1] - u[1:2], 2 * u[-1:] - u[-2:-1])
    curvature = np.abs(np.diff(np.concatenate([before, u, behind]), n=2, axis=0))
    width = max(1, round(MARGIN * len(u)))
    bend = np.zeros(len(u))
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
        edges: Edges of the patches.

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
