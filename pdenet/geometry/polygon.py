"""Polygons and triangles."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import cached_property, lru_cache
from typing import Any

import torch
from torch import Tensor

from pdenet.geometry.base import Placed, Region, Rule
from pdenet.geometry.domain import Domain
from pdenet.geometry.formulas import Formula
from pdenet.geometry.halfplanes import half_plane_formula
from pdenet.geometry.motion import Motion
from pdenet.geometry.names import check_names, check_vector, face_label
from pdenet.geometry.segments import Segments
from pdenet.geometry.simplepolygon import check_simple, cross, triangulate
from pdenet.geometry.union import Union
from pdenet.geometry.unit import gauss, gauss_jacobi, pick


class Polygon(Domain):
    """A polygon that does not cross itself, convex or not.

    Faces are the edges along which a coordinate is constant.

    Args:
        vertices: At least three corners in order; the last is joined to the first.
        coordinates: Names of the two coordinates.

    Raises:
        ValueError: Fewer than three vertices, two of them equal, edges that cross or touch, zero
            area, or numbers that are not finite.

    Example:
        >>> polygon = Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])
        >>> polygon.measure, polygon.boundary.measure
        (3.0, 8.0)
    """

    vertices: tuple[tuple[float, float], ...]
    """Corners, counter-clockwise."""
    _corners: Tensor
    _steps: Tensor
    _areas: Tensor

    def __init__(
        self, vertices: Sequence[Sequence[float]], *, coordinates: Sequence[str] = ("x", "y")
    ) -> None:
        names = check_names(coordinates)
        if len(names) != 2:
            raise ValueError(f"{type(self).__name__} has two coordinates; got {names}.")
        points = [check_vector(v, 2, f"Vertex {i}") for i, v in enumerate(vertices)]
        corners = check_simple(torch.tensor(points, dtype=torch.float64).reshape(-1, 2))
        triangles = corners[triangulate(corners)]
        steps = triangles[:, 1:] - triangles[:, :1]
        areas = 0.5 * cross(steps[:, 0], steps[:, 1])
        low, high = corners.amin(0).tolist(), corners.amax(0).tolist()
        self._set(
            coordinates=names,
            label="interior",
            dimension=2,
            measure=float(areas.sum()),
            bounds={c: (low[i], high[i]) for i, c in enumerate(names)},
            unit=2,
            vertices=tuple((x, y) for x, y in corners.tolist()),
            _corners=triangles[:, 0].contiguous(),
            _steps=steps,
            _areas=areas,
        )

    def _key(self) -> Hashable:
        return self.coordinates, self.vertices

    def __repr__(self) -> str:
        inside = ", ".join(f"({x:g}, {y:g})" for x, y in self.vertices)
        return f"{type(self).__name__}({inside})"

    def place(self, u: Tensor) -> Placed:
        """Choose triangles by the first number, and fill them with what is left and the second.

        Args:
            u: Points of the square, shape (n, 2).

        Returns:
            Their images.
        """
        chosen, first = pick(u[:, 0], self._areas)
        reach = first.sqrt()[:, None]
        across = reach * u[:, 1:]
        steps = self._steps.index_select(0, chosen)
        x = self._corners.index_select(0, chosen)
        return Placed(x + (reach - across) * steps[:, 0] + across * steps[:, 1])

    def rule(self, n: int) -> Rule:
        """Return collapsed Gauss rules on the triangles, sized by their areas.

        Args:
            n: Number of nodes wanted.

        Returns:
            The rule; with m^2 nodes in a triangle exact there for polynomials of degree 2 m - 1.
        """
        x, weight = [], []
        for corner, steps, area in zip(self._corners, self._steps, self._areas, strict=True):
            nodes, w = _triangle_rule(max(1, round((n * float(area) / self.measure) ** 0.5)))
            x.append(corner + nodes @ steps)
            weight.append(w * area)
        return Rule(torch.cat(x), torch.cat(weight))

    def contains(self, x: Tensor) -> Tensor:
        """Tell which points lie inside, by the parity of crossings.

        Args:
            x: Points, shape (n, 2).

        Returns:
            Mask, shape (n,).
        """
        starts = torch.tensor(self.vertices, dtype=torch.float64).to(x)
        ends = starts.roll(-1, 0)
        px, py = x[:, :1], x[:, 1:]
        spans = (starts[:, 1] > py) != (ends[:, 1] > py)
        rise = ends[:, 1] - starts[:, 1]
        # The point is left of the edge where the edge crosses its height.
        left = (px - starts[:, 0]) * rise < (py - starts[:, 1]) * (ends[:, 0] - starts[:, 0])
        return ((spans & (left == (rise > 0))).sum(1) % 2).bool()

    def _boundary(self) -> Region:
        edges = self._edges(range(len(self.vertices)), "boundary")
        return Union([edges], "boundary", self.bubble if self.has_level else None)

    @cached_property
    def edges(self) -> tuple[Region, ...]:
        """Each edge, counter-clockwise from the first vertex, with its outward normal.

        An edge whose line does not cut the polygon has a distance: that to the line.
        """
        return tuple(
            Union([self._edges([i], f"edge {i}")], f"edge {i}", self._line(i))
            for i in range(len(self.vertices))
        )

    def _faces(self) -> dict[str, Region]:
        found: dict[str, list[int]] = {}
        ends = (*self.vertices[1:], self.vertices[0])
        for i, (start, end) in enumerate(zip(self.vertices, ends, strict=True)):
            for axis, name in enumerate(self.coordinates):
                if start[axis] == end[axis]:
                    label = face_label(name, start[axis], self.bounds[name])
                    found.setdefault(label, []).append(i)
        return {
            label: Union([self._edges(edges, label)], label, self._line(edges[0]))
            for label, edges in found.items()
        }

    def _edges(self, chosen: Sequence[int], label: str) -> Segments:
        starts = [self.vertices[i] for i in chosen]
        ends = [self.vertices[(i + 1) % len(self.vertices)] for i in chosen]
        return Segments(self.coordinates, starts, ends, label)

    def _line(self, edge: int) -> Callable[[dict[str, Any]], Any] | None:
        """Return the distance to an edge's line, at most 1; None where that cuts the polygon."""
        (x0, y0), (x1, y1) = self.vertices[edge], self.vertices[(edge + 1) % len(self.vertices)]
        heights = [(y0 - y1) * (x - x0) + (x1 - x0) * (y - y0) for x, y in self.vertices]
        if min(heights) < -1e-12 * max(heights):
            return None
        a, b = (y0 - y1) / max(heights), (x1 - x0) / max(heights)
        x, y = self.coordinates
        return lambda values: (values[x] - x0) * a + (values[y] - y0) * b

    def _moved(self, motion: Motion) -> Domain:
        corners = motion.forward(torch.tensor(self.vertices, dtype=torch.float64))
        return Polygon(corners.tolist(), coordinates=self.coordinates)

    def _formula(self) -> Formula:
        return half_plane_formula(
            torch.tensor(self.vertices, dtype=torch.float64), self.coordinates
        )


class Triangle(Polygon):
    """A triangle.

    Args:
        first: One corner.
        second: Another corner.
        third: The third corner.
        coordinates: Names of the two coordinates.

    Raises:
        ValueError: Corners on a line, or numbers that are not finite.

    Example:
        >>> Triangle((0, 0), (1, 0), (0, 1)).measure
        0.5
    """

    def __init__(
        self,
        first: Sequence[float],
        second: Sequence[float],
        third: Sequence[float],
        *,
        coordinates: Sequence[str] = ("x", "y"),
    ) -> None:
        super().__init__((first, second, third), coordinates=coordinates)


@lru_cache(maxsize=32)
def _triangle_rule(m: int) -> tuple[Tensor, Tensor]:
    """Return the collapsed rule on the triangle (0, 0), (1, 0), (0, 1); weights sum to 1."""
    z, w = gauss_jacobi(m, 1.0, 0.0)
    a, wa = (z + 1) / 2, w / 2
    b, wb = gauss(m)
    first = a.repeat_interleave(m)
    second = (1 - first) * b.repeat(m)
    return torch.stack([first, second], 1), (wa[:, None] * wb).reshape(-1)
