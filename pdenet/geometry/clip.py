"""Pieces of regions that a function keeps: curves cut exactly, surfaces by rejection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pdenet.geometry.base import Placed, Region, Rule
from pdenet.geometry.unit import gauss, unit_points

Sign = Callable[[Tensor, Tensor | None], Tensor]
"""From points and normals to 1 (keep), -1 (keep and turn the normal) or 0 (drop), shape (n,)."""

_GRID = 2048
_SECTIONS, _ROUNDS = 16, 10
_SHORTEST = 1e-7
_DRAWS = 2**17


class EmptyRegionError(ValueError):
    """Nothing is left of a region."""


class Stretch(Region):
    """The part of a curve between two shares of its length.

    Args:
        curve: A smooth curve.
        first: Share of the length where the part begins.
        last: Share of the length where it ends.
        sign: -1 to turn the normals, else 1.
    """

    curve: Region
    first: float
    last: float
    sign: int

    def __init__(self, curve: Region, first: float, last: float, sign: int = 1) -> None:
        ends = torch.linspace(first, last, _GRID + 1, dtype=torch.float64)[:, None]
        x = curve.place(ends).x
        low, high = x.amin(0).tolist(), x.amax(0).tolist()
        self._set(
            coordinates=curve.coordinates,
            parameters=curve.parameters,
            label=curve.label,
            dimension=1,
            measure=(last - first) * curve.measure,
            bounds={c: (low[i], high[i]) for i, c in enumerate(curve.coordinates)},
            unit=1,
            curve=curve,
            first=first,
            last=last,
            sign=sign,
        )

    def _key(self) -> Any:
        return self.curve, self.first, self.last, self.sign

    def __repr__(self) -> str:
        return f"<{self.first:.3g} to {self.last:.3g} of {self.curve!r}>"

    def place(self, u: Tensor) -> Placed:
        """Walk along the curve.

        Args:
            u: Points of the unit interval, shape (n, 1).

        Returns:
            Their images.
        """
        x, normals, _ = self.curve.place(self.first + u * (self.last - self.first))
        return Placed(x, normals if normals is None or self.sign > 0 else -normals)

    def rule(self, n: int) -> Rule:
        """Return the Gauss-Legendre rule in arc length.

        Args:
            n: Number of nodes.

        Returns:
            The rule.
        """
        u, weight = gauss(n)
        x, normals, _ = self.place(u[:, None])
        return Rule(x, weight * self.measure, normals)


class Kept(Region):
    """The points of a region that a function keeps; the measure is estimated where need be.

    Args:
        region: Where the points come from.
        sign: Which are kept, and whether their normals turn.

    Raises:
        EmptyRegionError: Nothing is kept.
    """

    smooth = False
    region: Region
    sign: Sign
    settled: int
    """1 or -1 where that is the sign everywhere, else 0."""

    def __init__(self, region: Region, sign: Sign) -> None:
        rule = region.rule(1) if region.dimension == 0 else None
        if rule is None:
            placed = region.place(unit_points(_DRAWS, region.unit, 0, "sobol"))
            x, normals = placed.x, placed.normals
            if placed.keep is not None:
                x, normals = x[placed.keep], None if normals is None else normals[placed.keep]
        else:
            x, normals = rule.x, rule.normals
        signs = sign(x, normals)
        settled = int(signs[0]) if bool((signs == signs[0]).all()) else 0
        measure = region.measure * float((signs != 0).double().mean())
        x = x[signs != 0]
        if not len(x):
            raise EmptyRegionError(f"No part of region '{region.label}' is left.")
        self._set(
            coordinates=region.coordinates,
            parameters=region.parameters,
            label=region.label,
            dimension=region.dimension,
            measure=measure,
            bounds=region.bounds if settled else _bounds(x, region),
            unit=region.unit,
            envelope=region.envelope,
            region=region,
            sign=sign,
            settled=settled,
        )

    def __repr__(self) -> str:
        return f"<part of {self.region!r}>"

    def place(self, u: Tensor) -> Placed:
        """Map to the region, and mark what is kept.

        Args:
            u: Points of the cube, shape (n, unit).

        Returns:
            Their images.
        """
        x, normals, keep = self.region.place(u)
        sign = self.sign(x, normals)
        kept = sign != 0 if keep is None else (sign != 0) & keep
        return Placed(x, None if normals is None else normals * sign[:, None], kept)

    def rule(self, n: int) -> Rule | None:
        """Return the kept points of a region of dimension 0.

        Args:
            n: Ignored.

        Returns:
            The rule; None in higher dimensions.
        """
        if self.dimension > 0:
            return None
        rule = self.region.rule(n)
        assert rule is not None
        sign = self.sign(rule.x, rule.normals)
        kept = sign != 0
        normals = None if rule.normals is None else (rule.normals * sign[:, None])[kept]
        return Rule(rule.x[kept], rule.weight[kept], normals)


class Turned(Region):
    """A region with its normals turned: the boundary of a hole.

    Args:
        region: The region.
    """

    region: Region

    def __init__(self, region: Region) -> None:
        self._set(
            coordinates=region.coordinates,
            parameters=region.parameters,
            label=region.label,
            dimension=region.dimension,
            measure=region.measure,
            bounds=region.bounds,
            unit=region.unit,
            envelope=region.envelope,
            smooth=region.smooth,
            region=region,
        )

    def _key(self) -> Any:
        return self.region

    def __repr__(self) -> str:
        return f"<{self.region!r}, turned>"

    def place(self, u: Tensor) -> Placed:
        """Map to the region, and turn the normals.

        Args:
            u: Points of the cube, shape (n, unit).

        Returns:
            Their images.
        """
        x, normals, keep = self.region.place(u)
        return Placed(x, None if normals is None else -normals, keep)

    def rule(self, n: int) -> Rule | None:
        """Return the region's rule with its normals turned.

        Args:
            n: Number of nodes wanted.

        Returns:
            The rule; None where the region has none.
        """
        rule = self.region.rule(n)
        if rule is None:
            return None
        return Rule(rule.x, rule.weight, None if rule.normals is None else -rule.normals)


def clip(region: Region, sign: Sign) -> list[Region]:
    """Return the parts of a region that a function keeps, curves exactly.

    Args:
        region: Any region.
        sign: Which points are kept, and whether their normals turn.

    Returns:
        The parts; none where nothing is kept.
    """
    return [piece for whole in region.pieces() for piece in _clip_piece(whole, sign)]


def _clip_piece(piece: Region, sign: Sign) -> list[Region]:
    if piece.dimension == 1 and piece.unit == 1 and piece.smooth:
        return _stretches(piece, sign)
    try:
        kept = Kept(piece, sign)
    except EmptyRegionError:
        return []
    if kept.settled == 0:
        return [kept]
    return [piece if kept.settled > 0 else Turned(piece)]


def _stretches(curve: Region, sign: Sign) -> list[Region]:
    """Cut a curve where the sign changes between the points of a grid, to 2048 * 16^10 parts."""
    grid = (torch.arange(_GRID, dtype=torch.float64) + 0.5) / _GRID

    def signs(u: Tensor) -> Tensor:
        x, normals, _ = curve.place(u[:, None])
        return sign(x, normals)

    found = signs(grid)
    (changes,) = (found[1:] != found[:-1]).nonzero(as_tuple=True)
    low, high, before = grid[changes], grid[changes + 1], found[changes]
    inner = torch.arange(1, _SECTIONS, dtype=torch.float64) / _SECTIONS
    for _ in range(_ROUNDS if len(changes) else 0):
        step = (high - low) / _SECTIONS
        finer = low[:, None] + (high - low)[:, None] * inner
        same = signs(finer.reshape(-1)).reshape(finer.shape) == before[:, None]
        low = low + step * same.long().cumprod(1).sum(1)
        high = low + step
    cuts = [0.0, *((low + high) / 2).tolist(), 1.0]
    values = [int(v) for v in [*found[changes].tolist(), float(found[-1])]]
    spans = zip(cuts[:-1], cuts[1:], values, strict=True)
    if values in ([1], [-1]):
        return [curve if values == [1] else Turned(curve)]
    return [Stretch(curve, a, b, v) for a, b, v in spans if v and b - a > _SHORTEST]


def _bounds(x: Tensor, region: Region) -> dict[str, tuple[float, float]]:
    """Return bounds of the kept points, with room for what lies between points drawn."""
    bounds = {}
    for name, column in zip(region.coordinates, x.T, strict=True):
        low, high = region.bounds[name]
        room = (high - low) / 100 if region.dimension else 0.0
        bounds[name] = (
            max(low, float(column.min()) - room),
            min(high, float(column.max()) + room),
        )
    return bounds
