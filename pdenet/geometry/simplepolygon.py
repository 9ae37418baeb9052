"""Plane geometry of simple polygons: checks and triangles."""

from __future__ import annotations

import torch
from torch import Tensor

_TINY = 1e-12


def cross(a: Tensor, b: Tensor) -> Tensor:
    """Cross product in the plane.

    Args:
        a: Shape (..., 2).
        b: Shape (..., 2).

    Returns:
        Shape (...).
    """
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def check_simple(corners: Tensor) -> Tensor:
    """Return the corners counter-clockwise, or say why they bound no polygon.

    Args:
        corners: In order, shape (m, 2).

    Returns:
        The same corners, in reverse order if they ran clockwise.

    Raises:
        ValueError: Fewer than three, two equal, zero area, edges that cross or touch.
    """
    m = len(corners)
    if m < 3:
        raise ValueError(f"A polygon needs at least three vertices; got {m}.")
    size = float((corners.amax(0) - corners.amin(0)).max())
    same = (torch.cdist(corners, corners) <= _TINY * size).triu(1).nonzero().tolist()
    if same:
        i, j = same[0]
        raise ValueError(
            f"Vertices {i} and {j} of the polygon are equal: {tuple(corners[i].tolist())}. List "
            f"each corner once; the last is joined to the first."
        )
    _check_crossings(corners)
    centred = corners - corners.mean(0)
    area = 0.5 * float(cross(centred, centred.roll(-1, 0)).sum())
    if abs(area) <= _TINY * size**2:
        raise ValueError(f"The polygon has zero area: its {m} vertices lie on a line.")
    return corners if area > 0 else corners.flip(0)


def _check_crossings(corners: Tensor) -> None:
    m = len(corners)
    i, j = torch.triu_indices(m, m, 1)
    neighbours = ((j - i) == 1) | ((j - i) == m - 1)
    i, j = i[~neighbours], j[~neighbours]
    ends = corners.roll(-1, 0)
    a, b, c, d = corners[i], ends[i], corners[j], ends[j]
    size = (corners.amax(0) - corners.amin(0)).max()

    def side(p: Tensor, q: Tensor, r: Tensor) -> Tensor:
        height = cross(q - p, r - p) / (q - p).norm(dim=1)
        return torch.where(height.abs() <= _TINY * size, 0.0, height).sign()

    def near(p: Tensor, q: Tensor, r: Tensor) -> Tensor:
        """Whether r, which lies on the line through p and q, lies between them."""
        return ((r - p) * (r - q)).sum(1) <= 0

    sides = [side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)]
    crossing = (sides[0] * sides[1] < 0) & (sides[2] * sides[3] < 0)
    for s, p, q, r in zip(sides, (a, a, c, c), (b, b, d, d), (c, d, a, b), strict=True):
        crossing |= (s == 0) & near(p, q, r)
    _refuse_folds(corners)
    if bool(crossing.any()):
        k = int(crossing.nonzero()[0, 0])
        raise ValueError(
            f"The polygon intersects itself: edge {int(i[k])} and edge {int(j[k])} cross or touch. "
            f"List the corners in the order of a walk around it."
        )


def _refuse_folds(corners: Tensor) -> None:
    steps = corners.roll(-1, 0) - corners
    before = steps.roll(1, 0)
    scale = steps.norm(dim=1) * before.norm(dim=1)
    turning = cross(before, steps).abs() > _TINY * scale
    folds = ~turning & ((before * steps).sum(1) < 0)
    if bool(folds.any()):
        vertex = int(folds.nonzero()[0, 0])
        raise ValueError(
            f"The polygon intersects itself, or has zero area: at vertex {vertex} its boundary "
            f"turns back on itself."
        )


def is_convex(corners: Tensor) -> bool:
    """Tell whether a counter-clockwise polygon turns left at every corner.

    Args:
        corners: Shape (m, 2).

    Returns:
        Whether it is convex.
    """
    steps = corners.roll(-1, 0) - corners
    return bool((cross(steps, steps.roll(-1, 0)) >= 0).all())


def without_straight(corners: Tensor) -> Tensor:
    """Leave out corners where the boundary goes straight on.

    Args:
        corners: Shape (m, 2).

    Returns:
        The true corners.
    """
    steps = corners.roll(-1, 0) - corners
    before = steps.roll(1, 0)
    return corners[cross(before, steps).abs() > _TINY * before.norm(dim=1) * steps.norm(dim=1)]


def triangulate(corners: Tensor) -> Tensor:
    """Cut a polygon into triangles by clipping ears, the fattest first.

    Args:
        corners: Counter-clockwise, shape (m, 2).

    Returns:
        Corner numbers of the triangles, shape (k, 3).
    """
    left = list(range(len(corners)))
    triangles = []
    while len(left) > 3:
        k = _best_ear(corners[left])
        triangles.append((left[k - 1], left[k], left[(k + 1) % len(left)]))
        del left[k]
    triangles.append(tuple(left))
    chosen = torch.tensor(triangles)
    a, b, c = corners[chosen].unbind(1)
    areas = cross(b - a, c - a)
    return chosen[areas > _TINY * areas.sum()]


def _best_ear(corners: Tensor) -> int:
    """Return the corner to clip: no other corner in its triangle, and its angles far from zero."""
    a, b, c = corners.roll(1, 0), corners, corners.roll(-1, 0)
    area = cross(b - a, c - a)
    longest = torch.stack([(b - a), (c - b), (a - c)]).square().sum(-1).amax(0)
    shape = area / longest
    p = corners[None]

    def left_of(start: Tensor, end: Tensor) -> Tensor:
        return cross((end - start)[:, None], p - start[:, None]) >= 0

    inside = left_of(a, b) & left_of(b, c) & left_of(c, a)
    m = len(corners)
    rows = torch.arange(m)
    for shift in (-1, 0, 1):
        inside[rows, (rows + shift) % m] = False
    # Only corners where the polygon turns right can lie in an ear; straight ones make flat ears
    # of no area, which cost nothing and go first when nothing else is left.
    reflex = area <= 0
    blocked = (inside & reflex[None]).any(1) | (area < 0)
    return int(torch.where(blocked, -torch.inf, shape).argmax())
