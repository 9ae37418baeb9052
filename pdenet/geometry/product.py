"""Products of regions: a shape with time, a boundary with parameters."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Hashable, Iterator, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from pdenet.geometry.base import Placed, Region, Rule
from pdenet.geometry.box import Box, merge
from pdenet.geometry.domain import Domain
from pdenet.geometry.formulas import Formula, join
from pdenet.geometry.union import union


class Product(Region):
    """The Cartesian product of regions with different coordinates.

    Normals are those of the one factor that has them, with zeros along the other factors. The
    distance is that of the one factor that is part of a boundary.

    Args:
        factors: The regions, in the order of their columns.
    """

    factors: tuple[Region, ...]
    _wall: Region | None

    def __init__(self, factors: Sequence[Region]) -> None:
        factors = tuple(factors)
        thin = [f for f in factors if f.dimension < len(f.coordinates)]
        wall = thin[0] if len(thin) == 1 else None
        self._set(
            coordinates=tuple(c for f in factors for c in f.coordinates),
            parameters=tuple(c for f in factors for c in f.parameters),
            label=", ".join(f.label for f in thin) or "interior",
            dimension=sum(f.dimension for f in factors),
            measure=prod(f.measure for f in factors),
            bounds={c: b for f in factors for c, b in f.bounds.items()},
            unit=sum(f.unit for f in factors),
            envelope=prod(f.envelope for f in factors),
            factors=factors,
            has_distance=wall is not None and wall.has_distance,
            _wall=wall,
        )

    def _key(self) -> Hashable:
        return self.factors

    def __repr__(self) -> str:
        return " * ".join(repr(factor) for factor in self.factors)

    def pieces(self) -> tuple[Region, ...]:
        """Return the products of the factors' pieces.

        Returns:
            The pieces.
        """
        pieces = itertools.product(*(factor.pieces() for factor in self.factors))
        return tuple(product(*factors) for factors in pieces)

    def place(self, u: Tensor) -> Placed:
        """Map each factor's share of the cube's coordinates.

        Args:
            u: Points of the cube, shape (n, unit).

        Returns:
            Their images.
        """
        parts = u.split([factor.unit for factor in self.factors], 1)
        placed = [factor.place(v) for factor, v in zip(self.factors, parts, strict=True)]
        keep = None
        for part in placed:
            if part.keep is not None:
                keep = part.keep if keep is None else keep & part.keep
        x = torch.cat([part.x for part in placed], 1)
        return Placed(x, self._normals([part.normals for part in placed], len(u)), keep)

    def rule(self, n: int) -> Rule | None:
        """Return the tensor product of the factors' rules.

        Args:
            n: Number of nodes wanted, shared in proportion to the dimensions.

        Returns:
            The rule; None where a factor has none, or where many dimensions get few nodes each.
        """
        if self.dimension > 3 and n ** (1 / self.dimension) < 4:
            return None
        shares = [n ** (factor.dimension / max(1, self.dimension)) for factor in self.factors]
        rules = [f.rule(max(1, round(s))) for f, s in zip(self.factors, shares, strict=True)]
        known = [rule for rule in rules if rule is not None]
        if len(known) < len(rules):
            return None
        rows = torch.cartesian_prod(*(torch.arange(len(rule.x)) for rule in known))
        rows = rows.reshape(-1, len(known)).T
        x = torch.cat([rule.x[r] for rule, r in zip(known, rows, strict=True)], 1)
        weight = torch.stack([rule.weight[r] for rule, r in zip(known, rows, strict=True)]).prod(0)
        normals = [
            None if rule.normals is None else rule.normals[r]
            for rule, r in zip(known, rows, strict=True)
        ]
        return Rule(x, weight, self._normals(normals, len(x)))

    def at_time(self, start: float, end: float) -> Region:
        """Return the product with its time interval replaced.

        Args:
            start: First time.
            end: Last time.

        Returns:
            The new product.
        """
        if self.time is None:
            super().at_time(start, end)
        return product(*(f if f.time is None else f.at_time(start, end) for f in self.factors))

    def _distance(self, values: dict[str, Any]) -> Any:
        assert self._wall is not None
        return self._wall.distance(**values)

    def _normals(self, normals: Sequence[Tensor | None], n: int) -> Tensor | None:
        if sum(part is not None for part in normals) != 1:
            return None
        sizes = [len(factor.space) for factor in self.factors]
        columns = [
            torch.zeros(n, size, dtype=torch.float64) if part is None else part
            for part, size in zip(normals, sizes, strict=True)
        ]
        return torch.cat(columns, 1)


class ProductDomain(Product, Domain):
    """The product of domains, such as a disk and an interval of time."""

    factors: tuple[Domain, ...]  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, factors: Sequence[Domain]) -> None:
        super().__init__(factors)

    def _boundary(self) -> Region:
        walls = [self._replace(i, f.boundary) for i, f in enumerate(self.factors) if f.space]
        return union(walls, "boundary") if len(walls) > 1 else walls[0]

    def _faces(self) -> dict[str, Region]:
        return {
            label: self._replace(i, face)
            for i, factor in enumerate(self.factors)
            for label, face in factor.faces.items()
        }

    def contains(self, x: Tensor) -> Tensor:
        """Tell which points lie in every factor.

        Args:
            x: Points, shape (n, d).

        Returns:
            Mask, shape (n,).
        """
        parts = x.split([len(factor.coordinates) for factor in self.factors], -1)
        masks = [f.contains(part) for f, part in zip(self.factors, parts, strict=True)]
        return torch.stack(masks).all(0)

    def _formula(self) -> Formula | None:
        formulas = [factor.formula for factor in self.factors]
        known = [formula for formula in formulas if formula is not None]
        return join("and", known) if len(known) == len(formulas) else None

    def bubble(self, values: dict[str, Any]) -> Any:
        """Multiply the bubbles of the factors that have space.

        Args:
            values: Values by coordinate.

        Returns:
            The bubble's values.
        """
        return functools.reduce(operator.mul, (f.bubble(values) for f in self.factors if f.space))

    def _replace(self, position: int, region: Region) -> Region:
        factors = list(self.factors)
        return product(*factors[:position], region, *factors[position + 1 :])


def product(*regions: Region) -> Region:
    """Multiply regions; neighbouring boxes merge into one.

    Args:
        *regions: At least one, no coordinate in common.

    Returns:
        A Box, a ProductDomain where all factors are domains, else a Product.
    """
    factors: list[Region] = []
    for factor in itertools.chain.from_iterable(map(_factors, regions)):
        if factors and isinstance(factors[-1], Box) and isinstance(factor, Box):
            factors[-1] = merge(factors[-1], factor)
        else:
            factors.append(factor)
    if len(factors) == 1:
        return factors[0]
    domains = tuple(factor for factor in factors if isinstance(factor, Domain))
    return ProductDomain(domains) if len(domains) == len(factors) else Product(tuple(factors))


def _factors(region: Region) -> Iterator[Region]:
    yield from region.factors if isinstance(region, Product) else (region,)
