"""Which partial derivatives a jet carries, and the tables that its arithmetic needs."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from pdenet.jets.index import (
    MAX_ORDER,
    Index,
    canonical,
    closure,
    faa_di_bruno,
    leibniz,
    order,
    sort_key,
    written_out,
)

Products: TypeAlias = tuple[tuple[tuple[int, int, int], ...], ...]
Compositions: TypeAlias = tuple[tuple[tuple[int, tuple[int, ...]], ...], ...]


@dataclass(frozen=True)
class Layout:
    """The channels of a jet: the value first, then partial derivatives by increasing order.

    Built from the derivatives that somebody wants; whatever the product and chain rules need
    besides is added, and Laplacians whose second derivatives are carried anyway are dropped.
    Two layouts are equal when their coordinates and channels are.

    Args:
        coordinates: Names, in the order of the columns of the points.
        channels: The derivatives wanted, as indices (see :mod:`pdenet.jets.index`).

    Raises:
        ValueError: An order above 4, or a position that is no coordinate's.

    Example:
        >>> Layout(("x", "t"), [(0, 0), (1,)]).channels
        ((), (0,), (1,), (0, 0))
    """

    coordinates: tuple[str, ...]
    channels: tuple[Index, ...]
    positions: dict[Index, int] = field(init=False, repr=False, compare=False)
    products: Products = field(init=False, repr=False, compare=False)
    compositions: Compositions = field(init=False, repr=False, compare=False)

    def __init__(self, coordinates: Iterable[str], channels: Iterable[Index] = ()) -> None:
        coordinates = tuple(coordinates)
        wanted = {canonical(index) for index in channels}
        for index in wanted:
            _check(index, coordinates)
        carried = tuple(sorted(_without_redundant(closure(wanted)), key=sort_key))
        positions = {index: c for c, index in enumerate(carried)}
        values = {
            "coordinates": coordinates,
            "channels": carried,
            "positions": positions,
            "products": tuple(_product_row(index, positions) for index in carried),
            "compositions": tuple(_composition_row(index, positions) for index in carried),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.channels)

    @property
    def order(self) -> int:
        """Highest order of differentiation."""
        return order(self.channels[-1])

    @property
    def axes(self) -> tuple[int, ...]:
        """Positions of the coordinates by which anything is differentiated."""
        return tuple(i for (i,) in (c for c in self.channels if order(c) == 1))  # type: ignore[misc]

    def find(self, index: Index) -> dict[int, int] | None:
        """Where a derivative is found among the channels.

        Args:
            index: The operator.

        Returns:
            Channel positions and the multiplicities with which they add up to it; None where it
            cannot be had.

        Example:
            >>> Layout(("x", "y"), [(0, 0), (1, 1)]).find(((0, 1),))
            {3: 1, 4: 1}
        """
        return _find(canonical(index), self.positions)

    def union(self, *others: "Layout") -> "Layout":
        """The smallest layout that holds this one and the others.

        Args:
            *others: Layouts over the same coordinates.

        Returns:
            The common layout.

        Raises:
            ValueError: The coordinates differ.
        """
        for other in others:
            if other.coordinates != self.coordinates:
                raise ValueError(
                    f"Layouts over {self.coordinates} and {other.coordinates} have no union: "
                    "jets of one network share the columns of its input."
                )
        layouts = (self, *others)
        return Layout(self.coordinates, [c for layout in layouts for c in layout.channels])


def _check(index: Index, coordinates: tuple[str, ...]) -> None:
    positions = [i for f in index for i in ((f,) if isinstance(f, int) else f)]
    for i in positions:
        if not 0 <= i < len(coordinates):
            raise ValueError(
                f"Index {index} names coordinate {i}, but there are {len(coordinates)}: "
                f"{coordinates}. Positions count from 0."
            )
    if order(index) > MAX_ORDER:
        raise ValueError(
            f"Derivative {index} has order {order(index)}; jets carry orders up to {MAX_ORDER}. "
            "Write the equation as a system of lower order, with the derivative as a field."
        )


def _without_redundant(channels: set[Index]) -> set[Index]:
    pure = {c: 1 for c in channels if all(isinstance(f, int) for f in c)}
    kept = set(pure)
    for index in channels - kept:
        if not all(term in pure for term in written_out(index)):
            kept.add(index)
    return kept


def _find(index: Index, positions: dict[Index, int]) -> dict[int, int] | None:
    if index in positions:
        return {positions[index]: 1}
    terms = written_out(index)
    if index in terms or any(term not in positions for term in terms):
        return None
    return {positions[term]: count for term, count in terms.items()}


def _product_row(index: Index, positions: dict[Index, int]) -> tuple[tuple[int, int, int], ...]:
    row: dict[tuple[int, int], int] = {}
    for count, left, right in leibniz(index):
        for a, m in _located(left, positions).items():
            for b, k in _located(right, positions).items():
                row[a, b] = row.get((a, b), 0) + count * m * k
    return tuple((count, a, b) for (a, b), count in row.items())


def _composition_row(
    index: Index, positions: dict[Index, int]
) -> tuple[tuple[int, tuple[int, ...]], ...]:
    row: dict[tuple[int, ...], int] = {}
    for count, blocks in faa_di_bruno(index):
        expanded: dict[tuple[int, ...], int] = {(): count}
        for block in blocks:
            located = _located(block, positions)
            grown: dict[tuple[int, ...], int] = {}
            for term, times in expanded.items():
                for c, m in located.items():
                    key = tuple(sorted((*term, c)))
                    grown[key] = grown.get(key, 0) + times * m
            expanded = grown
        for term, times in expanded.items():
            row[term] = row.get(term, 0) + times
    return tuple((times, term) for term, times in row.items())


def _located(index: Index, positions: dict[Index, int]) -> dict[int, int]:
    found = _find(index, positions)
    assert found is not None, f"{index} is missing from a closed set of channels"
    return found
