"""Unions, intersections and differences of domains (constructive solid geometry)."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pdenet.geometry.base import Placed, Region, Rule
from pdenet.geometry.clip import Sign, clip
from pdenet.geometry.domain import Domain, peak
from pdenet.geometry.formulas import Formula, join, negate
from pdenet.geometry.motion import Motion
from pdenet.geometry.overlaps import Terms, exact_measure, indicator
from pdenet.geometry.rfunctions import saturate
from pdenet.geometry.slices import sliced_rule
from pdenet.geometry.union import Union
from pdenet.geometry.unit import pick, unit_points

_STEP = 1e-12
_NODES = 64
_DRAWS = 2**17


class Combined(Domain):
    """The union, intersection or difference of two domains of space.

    The boundary consists of the parts of both boundaries across which membership changes, with
    normals that point out of the combination. Curves are cut to 1e-11, or 1e-5 where they touch
    without crossing (features shorter than a 2000th of a curve may be missed); surfaces are cut by
    rejection, their measure estimated to 1e-3.

    The measure is as exact in up to two dimensions, and where inclusion and exclusion is simple
    (boxes, shapes inside boxes, shapes apart); elsewhere it is estimated to about 1e-3.

    Args:
        kind: "union", "intersection" or "difference".
        first: One domain.
        second: The other, with the same coordinates.

    Raises:
        ValueError: Coordinates differ, or include time or parameters; or nothing is left.

    Example:
        >>> from pdenet.geometry import Box, Disk
        >>> plate = Box(x=(0, 1), y=(0, 1)) - Disk(center=(0.5, 0.5), radius=0.25)
        >>> round(plate.measure, 6), round(plate.boundary.measure, 6)
        (0.80365, 5.570796)
    """

    kind: str
    first: Domain
    second: Domain
    smooth = False
    _domains: tuple[Domain, Domain]
    _envelopes: Tensor

    def __init__(self, kind: str, first: Domain, second: Domain) -> None:
        _check(first, second)
        if kind == "intersection" and second.envelope < first.envelope:
            sources = (second,)
        else:
            sources = (first, second) if kind == "union" else (first,)
        envelope = sum(source.envelope for source in sources)
        self._set(
            coordinates=first.coordinates,
            label="interior",
            dimension=first.dimension,
            measure=envelope,
            bounds=_bounds(kind, first, second),
            unit=max(source.unit for source in sources),
            envelope=envelope,
            kind=kind,
            first=first,
            second=second,
            _sources=sources,
            _envelopes=torch.tensor([source.envelope for source in sources], dtype=torch.float64),
        )
        object.__setattr__(self, "measure", self._measure())

    _sources: tuple[Domain, ...]

    def _key(self) -> Hashable:
        return self.kind, self.first, self.second

    def __repr__(self) -> str:
        sign = {"union": "|", "intersection": "&", "difference": "-"}[self.kind]
        return f"({self.first!r} {sign} {self.second!r})"

    def place(self, u: Tensor) -> Placed:
        """Map to the first domain (or the second), and mark what lies in the combination.

        Args:
            u: Points of the cube, shape (n, unit).

        Returns:
            Their images.
        """
        first = self._sources[0]
        if self.kind != "union":
            x, _, keep = first.place(u[:, : first.unit])
            other = self.second if first is self.first else self.first
            inside = other.contains(x)
            inside = ~inside if self.kind == "difference" else inside
            return Placed(x, None, inside if keep is None else keep & inside)
        chosen, left = pick(u[:, 0], self._envelopes)
        u = torch.cat([left[:, None], u[:, 1:]], 1)
        x = u.new_empty(len(u), self.dimension)
        keep = torch.ones(len(u), dtype=torch.bool)
        for i, source in enumerate(self._sources):
            rows = (chosen == i).nonzero()[:, 0]
            points, _, kept = source.place(u[rows, : source.unit])
            x[rows] = points
            if kept is not None:
                keep[rows] = kept
        # What both hold is drawn from the first alone.
        return Placed(x, None, keep & ((chosen == 0) | ~self.first.contains(x)))

    def contains(self, x: Tensor) -> Tensor:
        """Tell which points lie in the combination.

        Args:
            x: Points, shape (n, d).

        Returns:
            Mask, shape (n,).
        """
        inside = _contains(self, x, None)
        assert inside is not None
        return inside

    def rule(self, n: int) -> Rule | None:
        """Return a Gauss rule on slices between the walls, in the plane.

        Args:
            n: Number of nodes wanted.

        Returns:
            The rule; None in other dimensions.
        """
        if self.dimension != 2:
            return None
        bounds = list(self.bounds.values())
        return sliced_rule(self._walls, self.contains, bounds, n, self.measure)

    def _boundary(self) -> Region:
        return Union(self._walls, "boundary", self.bubble if self.has_level else None)

    @cached_property
    def _walls(self) -> list[Region]:
        leaves = enumerate(self._leaves)
        return [wall for number, leaf in leaves for wall in self._cut(leaf.boundary, number)]

    def _cut(self, part: Region, number: int) -> list[Region]:
        """Return what bounds the combination of a part of a leaf's boundary."""
        pieces = part.pieces()
        return [w for piece in pieces for w in clip(piece, self._across(piece, number))]

    def _faces(self) -> dict[str, Region]:
        found: dict[str, list[Region]] = {}
        for number, leaf in enumerate(self._leaves):
            for label, face in leaf.faces.items():
                found.setdefault(label, []).extend(self._cut(face, number))
        return {
            label: Union(parts, label, self._face_distance(parts[0]))
            for label, parts in found.items()
            if parts
        }

    def _face_distance(self, face: Region) -> Any:
        """Return the distance to a face that all of the domain lies on one side of."""
        for name, (low, high) in face.bounds.items():
            ends = self.bounds[name]
            if low == high and low in ends:
                scale = (1 if low == ends[0] else -1) / (ends[1] - ends[0])
                return lambda values, name=name, at=low, k=scale: (values[name] - at) * k
        return None

    @cached_property
    def indicator(self) -> Terms | None:
        """The indicator function as a sum of products, None where it has too many terms."""
        first, second = (
            domain.indicator if isinstance(domain, Combined) else {frozenset([domain]): 1}
            for domain in (self.first, self.second)
        )
        return indicator(self.kind, first, second)

    @cached_property
    def _leaves(self) -> tuple[Domain, ...]:
        leaves = []
        for domain in (self.first, self.second):
            leaves += domain._leaves if isinstance(domain, Combined) else [domain]
        return tuple(dict.fromkeys(leaves))

    def _across(self, piece: Region, number: int) -> Sign:
        """Return how membership changes along the outward normal of a piece of a leaf's boundary.

        Where the boundaries of two leaves coincide, the first has it.
        """
        near = {leaf for leaf in self._leaves if _meet(leaf, piece, 2 * self._step)}
        earlier = [leaf for leaf in self._leaves[:number] if leaf in near]

        def sign(x: Tensor, normals: Tensor | None) -> Tensor:
            assert normals is not None
            step = self._step * normals
            inner, outer = x - step, x + step
            before, after = _contains(self, inner, near), _contains(self, outer, near)
            if before is None or after is None:
                return torch.zeros(len(x), dtype=torch.float64)
            change = before.double() - after.double()
            for leaf in earlier:
                change[leaf.contains(inner) != leaf.contains(outer)] = 0
            return change

        return sign

    @cached_property
    def _step(self) -> float:
        """A step off the boundary: small against the domain, large against rounding."""
        ends = np.array(list(self.bounds.values()))
        return max(_STEP * float(np.ptp(ends, axis=1).max()), 1e4 * np.spacing(np.abs(ends).max()))

    def _measure(self) -> float:
        measure = exact_measure(self)
        if measure is None and self.dimension <= 2:
            # The divergence theorem, for the field x / d.
            rules = [wall.rule(_NODES) for wall in self._walls]
            flux = [
                r.weight @ (r.x * r.normals).sum(1) for r in rules if r and r.normals is not None
            ]
            measure = float(sum(flux)) / self.dimension
        if measure is None:
            keep = self.place(unit_points(_DRAWS, self.unit, 0, "sobol")).keep
            assert keep is not None
            measure = float(keep.double().mean()) * self.envelope
        if measure <= 1e-12 * self.envelope:
            raise ValueError(f"{self!r} is empty: no points are left. Check positions and sizes.")
        return measure

    def _formula(self) -> Formula | None:
        first, second = self.first.formula, self.second.formula
        if first is None or second is None:
            return None
        if self.kind == "difference":
            second = negate(second)
        return join("or" if self.kind == "union" else "and", [first, second])

    def bubble(self, values: dict[str, Any]) -> Any:
        """Multiply bubbles of parts that hold the combination; of a union, see `Domain.bubble`.

        Args:
            values: Values by coordinate.

        Returns:
            The bubble's values.
        """
        if self.kind == "union":
            return super().bubble(values)
        return self._product(values) * self._product_scale

    def _product(self, values: dict[str, Any]) -> Any:
        first = _unscaled(self.first, values)
        if self.kind == "intersection":
            return first * _unscaled(self.second, values)
        size = max(high - low for low, high in self.second.bounds.values())
        return first * saturate(self.second.level(values) * (-2 / size))

    @cached_property
    def _product_scale(self) -> float:
        return 1 / peak(self._product, self)

    def _moved(self, motion: Motion) -> Domain:
        return Combined(self.kind, self.first._moved(motion), self.second._moved(motion))


def _unscaled(domain: Domain, values: dict[str, Any]) -> Any:
    """Return a bubble up to a factor: of nested combinations only the outermost is scaled."""
    if isinstance(domain, Combined) and domain.kind != "union":
        return domain._product(values)
    return domain.bubble(values)


def _contains(domain: Domain, x: Tensor, near: set[Domain] | None) -> Tensor | None:
    """Return which points a domain holds, given the leaves that can hold any; None: not one."""
    if not isinstance(domain, Combined):
        return domain.contains(x) if near is None or domain in near else None
    first, second = _contains(domain.first, x, near), _contains(domain.second, x, near)
    if first is None or second is None:
        return {"union": second if first is None else first, "difference": first}.get(domain.kind)
    if domain.kind == "union":
        return first | second
    return first & (second if domain.kind == "intersection" else ~second)


def _meet(domain: Domain, piece: Region, room: float) -> bool:
    """Whether the boxes around a domain and a piece of a boundary meet."""
    return all(
        low - room <= domain.bounds[c][1] and domain.bounds[c][0] <= high + room
        for c, (low, high) in piece.bounds.items()
    )


def _check(first: Domain, second: Domain) -> None:
    for domain in (first, second):
        if domain.space != domain.coordinates:
            raise ValueError(
                f"Combine domains of space only, and multiply the result with time and parameters; "
                f"{domain!r} has coordinates {domain.coordinates}."
            )
    if first.coordinates != second.coordinates:
        raise ValueError(
            f"Domains with coordinates {first.coordinates} and {second.coordinates} cannot be "
            f"combined: give both the same, in the same order."
        )


def _bounds(kind: str, first: Domain, second: Domain) -> dict[str, tuple[float, float]]:
    if kind == "difference":
        return first.bounds
    outer, inner = (min, max) if kind == "union" else (max, min)
    bounds = {
        c: (outer(first.bounds[c][0], second.bounds[c][0]), inner(high, second.bounds[c][1]))
        for c, (_, high) in first.bounds.items()
    }
    if any(low >= high for low, high in bounds.values()):
        raise ValueError(f"{first!r} and {second!r} do not overlap: their intersection is empty.")
    return bounds
