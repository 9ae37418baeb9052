"""Faces of a box: one, several, or its whole boundary, drawn from in one sweep."""

from __future__ import annotations

import functools
import operator
from collections.abc import Hashable
from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pdenet.geometry.base import Placed, Region, Rule, join_rules
from pdenet.geometry.names import TIME, face_label
from pdenet.geometry.unit import gauss, per_axis, pick, tensor_rule

if TYPE_CHECKING:
    from pdenet.geometry.box import Box


class BoxFaces(Region):
    """Some faces of a box.

    Normals exist where all the faces are faces of space.

    Args:
        box: The box.
        sides: Axis and side (0 low, 1 high) of each face.
        label: Readable name; by default the faces' own.
    """

    has_distance = True
    box: Box
    sides: tuple[tuple[int, int], ...]

    def __init__(self, box: Box, sides: tuple[tuple[int, int], ...], label: str = "") -> None:
        ends = [(box.coordinates[axis], box.intervals[axis], side) for axis, side in sides]
        names = [face_label(name, interval[side], interval) for name, interval, side in ends]
        lengths = [high - low for low, high in box.intervals]
        measures = [float(prod(lengths[:axis] + lengths[axis + 1 :])) for axis, _ in sides]
        dimension = len(lengths) - 1
        starts, scales, sources, matrix = _maps(box, sides)
        self._set(
            coordinates=box.coordinates,
            parameters=box.parameters,
            label=label or ", ".join(names),
            dimension=dimension,
            measure=sum(measures),
            bounds=_bounds(box, sides),
            # Among several faces, one number of the cube chooses.
            unit=dimension if len(sides) == 1 else max(1, dimension),
            box=box,
            sides=sides,
            _measures=torch.tensor(measures, dtype=torch.float64),
            _normals=_normals(box, sides),
            _starts=starts,
            _scales=scales,
            _sources=sources,
            _matrix=matrix,
        )

    _measures: Tensor
    _normals: Tensor | None
    _sources: Tensor
    _scales: Tensor
    _starts: Tensor
    _matrix: Tensor

    def _key(self) -> Hashable:
        return self.box, self.sides, self.label

    def __repr__(self) -> str:
        return f"<{self.label} of {self.box!r}>"

    def pieces(self) -> tuple[BoxFaces, ...]:
        """Return each face by itself.

        Returns:
            The faces.
        """
        if len(self.sides) == 1:
            return (self,)
        return tuple(BoxFaces(self.box, (side,)) for side in self.sides)

    def place(self, u: Tensor) -> Placed:
        """Choose faces by the first number, and fill them with the others.

        Args:
            u: Points of the cube, shape (n, unit).

        Returns:
            Their images.
        """
        if len(self.sides) == 1:
            # A face is an affine image of its cube: one matrix product.
            x = torch.addmm(self._starts, u, self._matrix)
            return Placed(x, None if self._normals is None else self._normals.expand(len(u), -1))
        chosen, first = pick(u[:, 0], self._measures)
        u = torch.cat([first[:, None], u[:, 1:]], 1)
        filling = u.gather(1, self._sources.index_select(0, chosen))
        x = self._starts.index_select(0, chosen)
        x.addcmul_(filling, self._scales.index_select(0, chosen))
        normals = self._normals
        return Placed(x, None if normals is None else normals.index_select(0, chosen))

    def rule(self, n: int) -> Rule | None:
        """Return Gauss-Legendre tensor rules on the faces, sized by their measures.

        Args:
            n: Number of nodes wanted.

        Returns:
            The rule; None where the faces have more than 3 dimensions and few nodes an axis.
        """
        if len(self.sides) > 1:
            return join_rules(self.pieces(), n)
        m = per_axis(n, self.dimension)
        if self.dimension > 3 and m < 4:
            return None
        u, w = tensor_rule([gauss(m)] * self.dimension)
        x, normals, _ = self.place(u)
        return Rule(x, w * self.measure, normals)

    def at_time(self, start: float, end: float) -> BoxFaces:
        """Return the same faces of the box over another interval of time.

        Args:
            start: First time.
            end: Last time.

        Returns:
            The faces; those of time move along.
        """
        label = "boundary" if self.label == "boundary" else ""
        return BoxFaces(self.box.at_time(start, end), self.sides, label)

    def _distance(self, values: dict[str, Any]) -> Any:
        # One factor an axis, each at most 1 in the box.
        factors = []
        for axis in sorted({axis for axis, _ in self.sides}):
            low, high = self.box.intervals[axis]
            value = values[self.coordinates[axis]]
            sides = [side for a, side in self.sides if a == axis]
            if len(sides) == 2:
                factors.append((value - low) * (high - value) * (4 / (high - low) ** 2))
            elif sides[0] == 0:
                factors.append((value - low) * (1 / (high - low)))
            else:
                factors.append((high - value) * (1 / (high - low)))
        return functools.reduce(operator.mul, factors)


def _maps(box: Box, sides: tuple[tuple[int, int], ...]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Write each face as x = start + scale * u[source], and the first one also as a matrix."""
    d = len(box.coordinates)
    starts = box.low.repeat(len(sides), 1)
    scales = box.lengths.repeat(len(sides), 1)
    for row, (axis, side) in enumerate(sides):
        starts[row, axis] = box.intervals[axis][side]
        scales[row, axis] = 0
    sources = torch.tensor([[max(0, b - (b >= axis)) for b in range(d)] for axis, _ in sides])
    matrix = torch.zeros(d - 1, d, dtype=torch.float64)
    if d > 1:
        matrix[sources[0], torch.arange(d)] = scales[0]
    return starts, scales, sources, matrix


def _normals(box: Box, sides: tuple[tuple[int, int], ...]) -> Tensor | None:
    names = [box.coordinates[axis] for axis, _ in sides]
    if TIME in names:
        return None
    normals = torch.zeros(len(names), len(box.space), dtype=torch.float64)
    for row, (name, (_, side)) in enumerate(zip(names, sides, strict=True)):
        normals[row, box.space.index(name)] = 2 * side - 1
    return normals


def _bounds(box: Box, sides: tuple[tuple[int, int], ...]) -> dict[str, tuple[float, float]]:
    bounds = dict(box.bounds)
    if len({axis for axis, _ in sides}) == 1:
        axis = sides[0][0]
        ends = [box.intervals[axis][side] for _, side in sides]
        bounds[box.coordinates[axis]] = (min(ends), max(ends))
    return bounds
