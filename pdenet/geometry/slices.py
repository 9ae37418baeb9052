"""Gauss rules on regions of the plane between curves: Gauss on the slices, Gauss across them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pdenet.geometry.base import Region, Rule
from pdenet.geometry.unit import gauss

_GRID = 512  # steps along a wall, between which it meets a slice once
_HALVINGS = 52  # to the last bit of a step
_CLOSE = 1e-9  # of the region's width: ends of panels that are one
_STILL = 1e-12  # of the region's width: a wall that moves less runs along the slices
_PANEL, _SLICE = 8, 4  # fewest nodes across a panel, and along a slice, unless very few are wanted


def sliced_rule(
    walls: Sequence[Region],
    contains: Callable[[Tensor], Tensor],
    bounds: Sequence[tuple[float, float]],
    n: int,
    measure: float,
) -> Rule:
    r"""A rule of positive weights and inner nodes, as exact as the walls are smooth.

    The first coordinate is cut where walls end or turn round, the second where slices meet walls.
    Lengths of slices have roots where walls turn round; with :math:`x = a + b (3 s^2 - 2 s^3)` they
    are smooth in s, and polynomials stay such.

    Args:
        walls: Smooth curves that bound the region.
        contains: Which points lie in it.
        bounds: Of both coordinates.
        n: Number of nodes wanted, about.
        measure: Area of the region; weights are scaled to it, which makes up for few nodes.

    Returns:
        The rule.
    """
    width = bounds[0][1] - bounds[0][0]
    space = math.sqrt(measure / n)
    us = torch.linspace(0, 1, _GRID + 1, dtype=torch.float64)
    paths = [wall.place(us[:, None]).x for wall in walls]
    ends = _ends([path[:, 0] for path in paths], width)
    most = max(1, round(math.sqrt(n / len(ends))))
    nodes, weights = [], []
    for a, b in itertools.pairwise(ends):
        s, w = gauss(max(min(_PANEL, most), round((b - a) / space)))
        nodes.append(a + (b - a) * s.square() * (3 - 2 * s))
        weights.append((b - a) * 6 * s * (1 - s) * w)
    x, across = torch.cat(nodes), torch.cat(weights)
    lines, low, high = _inside(x, _meetings(x, walls, us, paths), contains)
    points, weight = [], []
    for line, bottom, top in zip(lines.tolist(), low.tolist(), high.tolist(), strict=True):
        s, w = gauss(max(min(_SLICE, most), round((top - bottom) / space)))
        y = bottom + (top - bottom) * s
        points.append(torch.stack([x[line].expand_as(y), y], 1))
        weight.append(across[line] * (top - bottom) * w)
    total = torch.cat(weight)
    return Rule(torch.cat(points), total * (measure / float(total.sum())))


def _ends(paths: Sequence[Tensor], width: float) -> list[float]:
    """First coordinates at which walls end or turn round, in ascending order."""
    found: list[float] = []
    for x in paths:
        found += [float(x[0]), float(x[-1])]
        step = x.diff()
        moves = step[:-1].abs() + step[1:].abs() > _STILL * width
        for i in (moves & (step[:-1] * step[1:] <= 0)).nonzero()[:, 0]:
            before, after = step[i], step[i + 1]
            # Of the parabola through three points.
            found.append(float(x[i + 1] + 0.125 * (after + before) ** 2 / (before - after)))
    kept: list[float] = []
    for value in sorted(found):
        if not kept or value - kept[-1] > _CLOSE * width:
            kept.append(value)
    return kept


def _meetings(
    x: Tensor, walls: Sequence[Region], us: Tensor, paths: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """Where slices meet walls: number of the slice and second coordinate, in ascending order."""
    lines, ys = [], []
    for wall, path in zip(walls, paths, strict=True):
        side = path[:, 0] > x[:, None]
        line, at = (side[:, 1:] != side[:, :-1]).nonzero(as_tuple=True)
        low, high, above = us[at], us[at + 1], side[line, at]
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            same = (wall.place(middle[:, None]).x[:, 0] > x[line]) == above
            low, high = torch.where(same, middle, low), torch.where(same, high, middle)
        lines.append(line)
        ys.append(wall.place(low[:, None]).x[:, 1])
    line, y = torch.cat(lines), torch.cat(ys)
    order = y.argsort()
    order = order[line[order].argsort(stable=True)]
    return line[order], y[order]


def _inside(
    x: Tensor, met: tuple[Tensor, Tensor], contains: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Parts of slices that lie in the region: number of the slice, both ends."""
    line, y = met
    pair = line[1:] == line[:-1]
    lines, low, high = line[:-1][pair], y[:-1][pair], y[1:][pair]
    keep = contains(torch.stack([x[lines], 0.5 * (low + high)], 1)) & (high > low)
    return lines[keep], low[keep], high[keep]
