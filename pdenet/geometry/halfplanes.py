"""Polygons as Boolean formulas of half-planes, for distances by R-functions."""

from __future__ import annotations

import functools
import operator
from typing import Any

import torch
from torch import Tensor

from pdenet.geometry.rfunctions import conjunction, disjunction
from pdenet.geometry.simplepolygon import cross, is_convex, without_straight

Formula = int | tuple[str, "Formula", "Formula"]
"""Number of a half-plane, or ("and" | "or", formula, formula)."""

_MOST_FACTORS = 6


class HalfPlanes:
    """The half-planes left of a polygon's edges, and how they make up the polygon.

    Args:
        corners: Counter-clockwise, shape (m, 2).
    """

    def __init__(self, corners: Tensor) -> None:
        corners = without_straight(corners)
        steps = corners.roll(-1, 0) - corners
        inward = torch.stack([-steps[:, 1], steps[:, 0]], 1) / steps.norm(dim=1, keepdim=True)
        offsets = -(inward * corners).sum(1)
        self.lines = [(*n, c) for n, c in zip(inward.tolist(), offsets.tolist(), strict=True)]
        self.formula = half_plane_formula(corners)
        # A product of many distances would be all but zero in most of the polygon.
        self.factors = is_convex(corners) and len(corners) <= _MOST_FACTORS

    def level(self, x: Any, y: Any) -> Any:
        """Combine the half-planes by R-functions: positive exactly inside, unit normal slope.

        Args:
            x: Values of the first coordinate.
            y: Values of the second coordinate.

        Returns:
            Values of the same kind, in units of length.
        """
        return _evaluate(self.formula, self._heights(x, y))

    def product(self, x: Any, y: Any) -> Any:
        """Multiply the distances to the lines of a polygon with few corners, all of them convex.

        Args:
            x: Values of the first coordinate.
            y: Values of the second coordinate.

        Returns:
            Values of the same kind; `level` for other polygons.
        """
        heights = self._heights(x, y)
        if self.factors:
            return functools.reduce(operator.mul, heights)
        return _evaluate(self.formula, heights)

    def _heights(self, x: Any, y: Any) -> list[Any]:
        return [x * a + y * b + c for a, b, c in self.lines]


def half_plane_formula(corners: Tensor) -> Formula:
    """Write a polygon as a formula in which the half-plane of each edge appears once.

    A simple polygon is cut at two extreme corners into two chains, and each chain, with its end
    edges drawn on to infinity, at an extreme corner of its own: the side left of a chain is the
    intersection of the sides left of its halves at a convex corner, else their union.

    Args:
        corners: Counter-clockwise, shape (m, 2), no three neighbours on a line.

    Returns:
        The formula; number i stands for the half-plane left of the edge from corner i.

    Reference:
        Dobkin, Guibas, Hershberger, Snoeyink, An efficient algorithm for finding the CSG
        representation of a simple polygon, SIGGRAPH 1988.
    """
    m = len(corners)
    order = sorted(range(m), key=lambda i: tuple(corners[i].tolist()))
    first, last = order[0], order[-1]
    ahead = [(first + k) % m for k in range((last - first) % m)]
    behind = [(last + k) % m for k in range((first - last) % m)]
    return ("and", _chain(corners, ahead), _chain(corners, behind))


def _chain(corners: Tensor, edges: list[int]) -> Formula:
    if len(edges) == 1:
        return edges[0]
    m = len(corners)
    steps = corners[[(e + 1) % m for e in edges]] - corners[edges]
    inner = corners[edges[1:]]
    direction = _outward(steps[0], steps[-1], inner)
    heights = inner @ direction
    # Among equals the outermost: no edge of the chain lies beyond it.
    along = inner @ torch.stack([-direction[1], direction[0]])
    ties = heights >= heights.max() - 1e-12 * (heights.max() - heights.min())
    cut = int(torch.where(ties, along, along.min() - 1).argmax()) + 1
    convex = bool(cross(steps[cut - 1], steps[cut]) > 0)
    halves = _chain(corners, edges[:cut]), _chain(corners, edges[cut:])
    return ("and" if convex else "or", *halves)


def _outward(first: Tensor, last: Tensor, inner: Tensor) -> Tensor:
    """Return a direction in which the chain, with its endless end edges, is bounded."""
    first, last = first / first.norm(), last / last.norm()
    direction = first - last
    if direction.norm() > 1e-9:
        return direction
    # The ends are parallel: the chain stays within a strip, and bulges to one of its sides.
    normal = torch.stack([-first[1], first[0]])
    heights = inner @ normal
    ends = torch.stack([heights[0], heights[-1]])
    return normal if heights.max() - ends.max() >= ends.min() - heights.min() else -normal


def _evaluate(formula: Formula, heights: list[Any]) -> Any:
    if isinstance(formula, int):
        return heights[formula]
    kind, left, right = formula
    combine = conjunction if kind == "and" else disjunction
    return combine(_evaluate(left, heights), _evaluate(right, heights))
