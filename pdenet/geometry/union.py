"""Unions of regions that overlap nowhere, such as the pieces of a boundary."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

from pdenet.geometry.base import Placed, Region, Rule, join_rules
from pdenet.geometry.boxfaces import BoxFaces
from pdenet.geometry.unit import pick


class Union(Region):
    """Several regions as one: points are drawn in proportion to their measures.

    Its distance is the product of the parts' distances, unless a better one is given.

    Args:
        parts: Regions of one dimension with the same coordinates, that overlap nowhere.
        label: Readable name.
        distance: Maps values by coordinate to the distance.

    Raises:
        ValueError: No parts, one part twice, or parts that do not match.
    """

    def __init__(
        self,
        parts: Sequence[Region],
        label: str,
        distance: Callable[[dict[str, Any]], Any] | None = None,
    ) -> None:
        parts = tuple(parts)
        if not parts:
            raise ValueError(f"Region '{label}' is empty: a union of no parts.")
        _check_match(parts)
        first = parts[0]
        low, high = (
            {c: [p.bounds[c][i] for p in parts] for c in first.coordinates} for i in (0, 1)
        )
        self._set(
            coordinates=first.coordinates,
            parameters=first.parameters,
            label=label,
            dimension=first.dimension,
            measure=sum(p.measure for p in parts),
            bounds={c: (min(low[c]), max(high[c])) for c in first.coordinates},
            # One number of the cube chooses among several parts.
            unit=max(int(len(parts) > 1), *(p.unit for p in parts)),
            envelope=sum(p.envelope for p in parts),
            parts=parts,
            has_distance=distance is not None or all(p.has_distance for p in parts),
            distance_function=distance,
            _has_normals=_have_normals(parts),
            _envelopes=torch.tensor([p.envelope for p in parts], dtype=torch.float64),
        )

    parts: tuple[Region, ...]
    distance_function: Callable[[dict[str, Any]], Any] | None
    _envelopes: Tensor
    _has_normals: bool

    def _key(self) -> Hashable:
        return self.parts, self.label

    def __repr__(self) -> str:
        return f"<{self.label}: union of {len(self.parts)} regions>"

    def pieces(self) -> tuple[Region, ...]:
        """Return the smooth pieces of all parts.

        Returns:
            The pieces.
        """
        return tuple(piece for part in self.parts for piece in part.pieces())

    def place(self, u: Tensor) -> Placed:
        """Choose pieces by the first number, and fill them with what is left of it and the others.

        Args:
            u: Points of the cube, shape (n, unit).

        Returns:
            Their images.
        """
        if len(self.parts) == 1:
            return self.parts[0].place(u[:, : self.parts[0].unit])
        chosen, first = pick(u[:, 0], self._envelopes)
        u = torch.cat([first[:, None], u[:, 1:]], 1)
        x = u.new_empty(len(u), len(self.coordinates))
        keep, rejected = torch.ones(len(u), dtype=torch.bool), False
        normals = u.new_empty(len(u), len(self.space)) if self._has_normals else None
        for i, part in enumerate(self.parts):
            rows = (chosen == i).nonzero()[:, 0]
            placed = part.place(u[rows, : part.unit])
            x[rows] = placed.x
            if normals is not None and placed.normals is not None:
                normals[rows] = placed.normals
            if placed.keep is not None:
                keep[rows], rejected = placed.keep, True
        return Placed(x, normals, keep if rejected else None)

    def rule(self, n: int) -> Rule | None:
        """Return the rules of the parts, sized by their measures.

        Args:
            n: Number of nodes wanted.

        Returns:
            The rule; None where a part has none.
        """
        return join_rules(self.parts, n)

    def at_time(self, start: float, end: float) -> Union:
        """Return the union of the parts over another interval of time.

        Args:
            start: First time.
            end: Last time.

        Returns:
            The new union.
        """
        return Union([p.at_time(start, end) for p in self.parts], self.label)

    def _distance(self, values: dict[str, Any]) -> Any:
        if self.distance_function is not None:
            return self.distance_function(values)
        return functools.reduce(operator.mul, (p.distance(**values) for p in self.parts))


def union(regions: Sequence[Region], label: str | None = None) -> Region:
    """Join regions that overlap nowhere; faces of one box stay one sweep.

    Args:
        regions: At least one.
        label: Name of the whole; by default the names of the parts.

    Returns:
        The union.

    Raises:
        ValueError: A face appears twice.
    """
    if len(regions) == 1 and label is None:
        return regions[0]
    faces = [region for region in regions if isinstance(region, BoxFaces)]
    sides = tuple(side for face in faces for side in face.sides)
    if len(faces) == len(regions) and len({f.box for f in faces}) == 1:
        if len(set(sides)) < len(sides):
            raise ValueError(f"A face appears twice in {[face.label for face in faces]}.")
        return BoxFaces(faces[0].box, sides, label or "")
    return Union(regions, label or ", ".join(region.label for region in regions))


def _check_match(parts: Sequence[Region]) -> None:
    first = parts[0]
    for other in parts[1:]:
        if (other.coordinates, other.dimension) != (first.coordinates, first.dimension):
            raise ValueError(
                f"Regions '{first.label}' ({first.coordinates}, dimension {first.dimension}) and "
                f"'{other.label}' ({other.coordinates}, dimension {other.dimension}) cannot be "
                f"one: give each its own condition."
            )
    if len(set(parts)) < len(parts):
        raise ValueError(
            f"A part appears twice in {[p.label for p in parts]}; its points would count double."
        )


def _have_normals(parts: Sequence[Region]) -> bool:
    probe = torch.full((1, max(part.unit for part in parts)), 0.5, dtype=torch.float64)
    return all(part.place(probe[:, : part.unit]).normals is not None for part in parts)
