"""Polygons as Boolean formulas of half-planes, for distances by R-functions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pdenet.geometry.formulas import Formula, HalfSpace, join
from pdenet.geometry.simplepolygon import cross, without_straight


def half_plane_formula(corners: Tensor, coordinates: Sequence[str]) -> Formula:
    """Write a polygon as a formula in which the half-plane of each edge appears at most once.

    A simple polygon is cut at two extreme corners into two chains, and each chain, with its end
    edges drawn on to infinity, at an extreme corner of its own: the side left of a chain is the
    intersection of the sides left of its halves at a convex corner, else their union.

    Args:
        corners: Counter-clockwise, shape (m, 2).
        coordinates: Names of the two coordinates.

    Returns:
        The formula.

    Reference:
        Dobkin, Guibas, Hershberger, Snoeyink, An efficient algorithm for finding the CSG
        representation of a simple polygon, SIGGRAPH 1988.
    """
    corners = without_straight(corners)
    m = len(corners)
    planes = _half_planes(corners, coordinates)
    order = sorted(range(m), key=lambda i: tuple(corners[i].tolist()))
    first, last = order[0], order[-1]
    ahead = [(first + k) % m for k in range((last - first) % m)]
    behind = [(last + k) % m for k in range((first - last) % m)]
    chains = [_chain(corners, planes, edges) for edges in (ahead, behind)]
    return join("and", chains)


def _half_planes(corners: Tensor, coordinates: Sequence[str]) -> list[HalfSpace]:
    steps = corners.roll(-1, 0) - corners
    inward = torch.stack([-steps[:, 1], steps[:, 0]], 1) / steps.norm(dim=1, keepdim=True)
    offsets = -(inward * corners).sum(1)
    return [
        HalfSpace(dict(zip(coordinates, normal, strict=True)), offset)
        for normal, offset in zip(inward.tolist(), offsets.tolist(), strict=True)
    ]


def _chain(corners: Tensor, planes: list[HalfSpace], edges: list[int]) -> Formula:
    if len(edges) == 1:
        return planes[edges[0]]
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
    halves = [_chain(corners, planes, half) for half in (edges[:cut], edges[cut:])]
    return join("and" if convex else "or", halves)


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
