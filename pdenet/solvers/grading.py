"""Patches of unequal width along an interval: narrow where the solution bends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pdenet.geometry import Points
from pdenet.problem import Problem

SAMPLES = 4001
MARGIN = 0.01  # of the domain's length: fronts move, and bend on both sides of where they are steep
EVEN = 0.5  # of the patches; the solution may bend elsewhere soon
TIMES = 5


def graded_edges(
    values: Callable[[Tensor], Tensor], problem: Problem, patches: int, *, start_only: bool = False
) -> tuple[float, ...]:
    r"""Edges of patches whose number in any part grows like the integral of a monitor.

    The monitor is the root of the smoothed curvature, :math:`|u_{xx}|^{1/2}`, largest over time: a
    bend of length l gets patches as narrow as l, in proportion. Half of the patches are even.

    Args:
        values: Map (n, coordinates) to (n, outputs).
        problem: The problem, of one space coordinate.
        patches: Number of patches.
        start_only: Whether to look at the first time alone.

    Returns:
        Numbers from -1 to 1, one more than patches.

    Reference:
        de Boor, Good approximation by splines with variable knots II, Lect. Notes Math. 363, 1974.
    """
    (name,) = (n for n in problem.coordinates if n != "t")
    line = np.linspace(-1.0, 1.0, SAMPLES)
    monitor = np.zeros(SAMPLES)
    # A periodic start may have a kink where the interval closes.
    closed = any(condition.paired for condition in problem.conditions.values())
    for time in [-1.0] if start_only else np.linspace(-1.0, 1.0, TIMES):
        scaled = {name: line, "t": np.full(SAMPLES, time)}
        columns = []
        for coordinate in problem.coordinates:
            low, high = problem.domain.bounds[coordinate]
            columns.append((low + high) / 2 + (high - low) / 2 * scaled[coordinate])
        with torch.no_grad():
            u = values(torch.from_numpy(np.stack(columns, axis=1))).cpu().numpy()
        monitor = np.maximum(monitor, _bends(u, closed))
    total = np.concatenate([[0.0], np.cumsum(monitor[1:] + monitor[:-1])])
    if total[-1] > 0:
        share = EVEN * (line + 1) / 2 + (1 - EVEN) * total / total[-1]
    else:
        share = (line + 1) / 2
    edges = np.interp(np.linspace(0.0, 1.0, patches + 1), share, line)
    return tuple(float(e) for e in edges)


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


def moved(points: Points, problem: Problem, edges: tuple[float, ...]) -> Points:
    """Even points, now as many in each patch, and denser towards its edges and those of time.

    Polynomials are best fitted at points of the density of Chebyshev's nodes; so are features.

    Args:
        points: Points of any region.
        problem: The problem, of one space coordinate and time.
        edges: What :func:`graded_edges` returned.

    Returns:
        The points; measurements stay where they are.
    """
    if points.index is not None:
        return points
    x, stretch = points.x.clone(), torch.ones_like(points.weight)
    for column, name in enumerate(points.coordinates):
        if np.ptp(points.x[:, column].cpu().numpy()) > 0:  # a face stays where it is
            low, high = problem.domain.bounds[name]
            even = (2 * points.x[:, column] - low - high) / (high - low)
            nodes = (-1.0, 1.0) if name == "t" else edges
            place, slope = _placed(even.clamp(-1.0, 1.0), even.new_tensor(nodes))
            x[:, column] = (low + high) / 2 + (high - low) / 2 * place
            stretch *= slope
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


def moved_all(
    points: Mapping[str, Points], problem: Problem, edges: tuple[float, ...]
) -> dict[str, Points]:
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
