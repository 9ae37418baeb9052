"""Parts of regions where a predicate of the user holds."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from pdenet.geometry.base import Region
from pdenet.geometry.clip import EmptyRegionError, Kept, Sign, clip
from pdenet.geometry.cloud import PointCloud
from pdenet.geometry.product import Product, product
from pdenet.geometry.union import Union


class Part(Union):
    """The part of a region where a predicate holds.

    Args:
        region: The whole.
        predicate: The user's, of coordinates by name.
        name: Label of the part.

    Raises:
        EmptyRegionError: It holds nowhere.
        ValueError: It asks for unknown coordinates, or returns another shape.
    """

    region: Region
    predicate: Callable[..., Any]

    def __init__(self, region: Region, predicate: Callable[..., Any], name: str) -> None:
        names = _arguments(predicate, region)

        def keep(x: Tensor, normals: Tensor | None) -> Tensor:
            columns = dict(zip(region.coordinates, x.T, strict=True))
            answer = torch.as_tensor(predicate(**{c: columns[c] for c in names}))
            if answer.shape != x.shape[:1]:
                raise ValueError(
                    f"The predicate of '{name}' must return one truth value a point, shape "
                    f"({len(x)},); got shape {tuple(answer.shape)}."
                )
            return answer.to(torch.bool).to(torch.float64)

        kept = _kept(region, keep, predicate, names)
        if not kept:
            raise EmptyRegionError(
                f"Region '{name}' is empty: its predicate holds nowhere on '{region.label}', "
                f"whose bounds are {region.bounds}."
            )
        super().__init__(kept, name)
        object.__setattr__(self, "region", region)
        object.__setattr__(self, "predicate", predicate)

    def at_time(self, start: float, end: float) -> Part:
        """Return the part of the whole over another interval of time.

        Args:
            start: First time.
            end: Last time.

        Returns:
            The part.
        """
        return Part(self.region.at_time(start, end), self.predicate, self.label)


def part(region: Region, predicate: Callable[..., Any], name: str) -> Region:
    """Return the part of a region where a predicate holds.

    Args:
        region: The whole.
        predicate: Takes coordinates by name, shape (n,) each; returns a mask, shape (n,).
        name: Label of the part.

    Returns:
        The part; of a cloud, a cloud.
    """
    whole = Part(region, predicate, name)
    if isinstance(region, PointCloud):
        keep = whole.parts[0]
        assert isinstance(keep, Kept)
        return region.chosen(keep.sign(region.x, None) != 0, name)
    return whole


def _kept(
    region: Region, keep: Sign, predicate: Callable[..., Any], names: Sequence[str]
) -> list[Region]:
    """Clip, but factor by factor where the predicate asks for one factor's coordinates only."""
    if not isinstance(region, Product):
        if len(region.pieces()) > 1:
            return [p for piece in region.pieces() for p in _kept(piece, keep, predicate, names)]
        return clip(region, keep)
    for i, factor in enumerate(region.factors):
        if set(names) <= set(factor.coordinates):
            try:
                smaller = part(factor, predicate, factor.label)
            except EmptyRegionError:
                return []
            return [product(*region.factors[:i], smaller, *region.factors[i + 1 :])]
    return clip(region, keep)


def _arguments(predicate: Callable[..., Any], region: Region) -> tuple[str, ...]:
    if not callable(predicate):
        raise ValueError(f"where() needs a function of coordinates; got {predicate!r}.")
    found = inspect.signature(predicate).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in found):
        return region.coordinates
    names = tuple(p.name for p in found if p.default is p.empty)
    unknown = [name for name in names if name not in region.coordinates]
    if unknown:
        raise ValueError(
            f"The predicate asks for {unknown}, but region '{region.label}' has the coordinates "
            f"{region.coordinates}."
        )
    return names
