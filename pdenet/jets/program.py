"""A layout's tables as programs of multiply-adds, for :mod:`pdenet.jets.kernels`."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from pdenet.jets.layout import Layout

Step = tuple[float, int, int]
"""A term ``factor * slot * slot``; slots are channels, derived channels, then prefixes."""


@dataclass(frozen=True)
class Polynomial:
    """A sum of products of slots, times a factor.

    Args:
        target: Channel that it belongs to.
        order: Derivative of sigma that it is multiplied by.
        factor: Common factor, which the steps leave out.
        steps: Its terms, one without a factor first where there is one.
    """

    target: int
    order: int
    factor: float
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Program:
    """A layout's tables as steps.

    Args:
        prefixes: Products of two slots that longer ones begin with; each is a slot of its own.
        composition: Terms of the chain rule with second and higher derivatives of sigma.
        square: Channels of the square of a series.
    """

    prefixes: tuple[tuple[int, int], ...]
    composition: tuple[Polynomial, ...]
    square: tuple[Polynomial, ...]


@cache
def program(layout: Layout, present: tuple[int, ...]) -> Program:
    """The program of a layout.

    Args:
        layout: Channels of the series.
        present: Channels of the argument that do not vanish.

    Returns:
        Its steps.
    """
    slots: dict[tuple[int, ...], int] = {(c,): c for c in range(len(layout.positions))}
    prefixes: list[tuple[int, int]] = []

    def slot(factors: tuple[int, ...]) -> int:
        if factors not in slots:
            prefixes.append((slot(factors[:-1]), factors[-1]))
            slots[factors] = len(slots)
        return slots[factors]

    alive = set(present)
    for position, sum_ in enumerate(layout.derived, len(layout)):
        if any(c in alive for _, c in sum_):
            alive.add(position)
    composition = []
    for target, row in enumerate(layout.compositions):
        for k, terms in row:
            kept = [(count, factors) for count, factors in terms if alive.issuperset(factors)]
            if k > 1 and kept:
                steps = [(count, slot(factors[:-1]), factors[-1]) for count, factors in kept]
                composition.append(_polynomial(target, k, steps))
    square = [_polynomial(c, 0, _pairs(row)) for c, row in enumerate(layout.products)]
    return Program(tuple(prefixes), tuple(composition), tuple(square))


def _pairs(row: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    pairs: Counter[tuple[int, int]] = Counter()
    for count, a, b in row:
        pairs[min(a, b), max(a, b)] += count
    return [(count, a, b) for (a, b), count in pairs.items()]


def _polynomial(target: int, order: int, steps: Sequence[tuple[int, int, int]]) -> Polynomial:
    common = math.gcd(*(count for count, _, _ in steps))
    scaled = sorted((count / common, a, b) for count, a, b in steps)
    return Polynomial(target, order, float(common), tuple(scaled))
