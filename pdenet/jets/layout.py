"""Which partial derivatives a jet carries, and the tables that its arithmetic needs."""

from collections import Counter
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

Sum: TypeAlias = tuple[tuple[int, int], ...]
"""Multiplicities and positions of channels that are added."""

Products: TypeAlias = tuple[tuple[tuple[int, int, int], ...], ...]
"""For each channel of a product, terms (multiplicity, left channel, right channel)."""

Compositions: TypeAlias = tuple[
    tuple[tuple[int, tuple[tuple[int, tuple[int, ...]], ...]], ...], ...
]
"""For each channel of sigma(h), by the order k of sigma's derivative, terms (multiplicity, channels
of h that are multiplied)."""


@dataclass(frozen=True)
class Layout:
    """The channels of a jet: the value first, then partial derivatives by increasing order.

    Built from the derivatives that somebody wants; whatever the product and chain rules need
    besides is added. A Laplacian is dropped where its second derivatives are carried anyway: it is
    derived, when a rule needs it, by adding them up. Positions from ``len(layout)`` on mean such
    derived channels.

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
    derived: tuple[Sum, ...] = field(init=False, repr=False, compare=False)
    products: Products = field(init=False, repr=False, compare=False)
    compositions: Compositions = field(init=False, repr=False, compare=False)

    def __init__(self, coordinates: Iterable[str], channels: Iterable[Index] = ()) -> None:
        coordinates = tuple(coordinates)
        wanted = {canonical(index) for index in channels}
        for index in wanted:
            _check(index, coordinates)
        needed = closure(wanted)
        carried = tuple(sorted(_without_redundant(needed), key=sort_key))
        derived = tuple(sorted(needed - set(carried), key=sort_key))
        positions = {index: c for c, index in enumerate(carried + derived)}
        values = {
            "coordinates": coordinates,
            "channels": carried,
            "positions": positions,
            "derived": tuple(_add_up(index, positions) for index in derived),
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

    def find(self, index: Index) -> Sum | None:
        """Where a derivative is found among the channels.

        Args:
            index: The operator.

        Returns:
            Multiplicities and positions of the channels that add up to it; None where it cannot be
            had.

        Example:
            >>> Layout(("x", "y"), [(0, 0), (1, 1)]).find(((0, 1),))
            ((1, 3), (1, 4))
        """
        index = canonical(index)
        position = self.positions.get(index, len(self))
        if position < len(self):
            return ((1, position),)
        terms = written_out(index)
        if index in terms or any(term not in self.positions for term in terms):
            return None
        return _add_up(index, self.positions)

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
    def is_derived(index: Index) -> bool:
        terms = written_out(index)
        return index not in terms and all(term in channels for term in terms)

    return {index for index in channels if not is_derived(index)}


def _add_up(index: Index, positions: dict[Index, int]) -> Sum:
    return tuple((count, positions[term]) for term, count in written_out(index).items())


def _product_row(index: Index, positions: dict[Index, int]) -> tuple[tuple[int, int, int], ...]:
    return tuple((count, positions[a], positions[b]) for count, a, b in leibniz(index))


def _composition_row(
    index: Index, positions: dict[Index, int]
) -> tuple[tuple[int, tuple[tuple[int, tuple[int, ...]], ...]], ...]:
    terms: Counter[tuple[int, ...]] = Counter()
    for count, blocks in faa_di_bruno(index):
        terms[tuple(sorted(positions[block] for block in blocks))] += count
    by_order: dict[int, list[tuple[int, tuple[int, ...]]]] = {}
    for factors, count in terms.items():
        by_order.setdefault(len(factors), []).append((count, factors))
    return tuple((k, tuple(by_order[k])) for k in sorted(by_order))
