"""Measures of unions, intersections and differences."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

from pdenet.geometry.box import Box
from pdenet.geometry.domain import Domain

if TYPE_CHECKING:
    from pdenet.geometry.combine import Combined

Terms = dict[frozenset[Domain], int]
"""Indicator function as a sum of products of the indicators of simple domains."""

_MOST_TERMS = 256


def exact_measure(domain: Combined) -> float | None:
    """Measure by inclusion and exclusion, where each intersection is simple.

    Args:
        domain: The combination.

    Returns:
        The measure; None where an intersection has no closed form, or there are too many.
    """
    terms = domain.indicator
    if terms is None:
        return None
    total = 0.0
    for factors, count in terms.items():
        overlap = _overlap(tuple(factors))
        if overlap is None:
            return None
        total += count * overlap
    return total


def indicator(kind: str, first: Terms | None, second: Terms | None) -> Terms | None:
    """Expand the indicator function of a combination.

    Args:
        kind: "union", "intersection" or "difference".
        first: Terms of one domain.
        second: Terms of the other.

    Returns:
        The sum of products; None where it has too many terms.
    """
    if first is None or second is None or len(first) * len(second) > _MOST_TERMS:
        return None
    both: Terms = {}
    for f, m in first.items():
        for g, n in second.items():
            # Products over disjoint boxes vanish: dropping them early keeps sums short.
            if _overlap(tuple(f | g)) != 0:
                both[f | g] = both.get(f | g, 0) + m * n
    if kind == "intersection":
        return both
    total = dict(first)
    for f, m in second.items() if kind == "union" else ():
        total[f] = total.get(f, 0) + m
    for f, m in both.items():
        total[f] = total.get(f, 0) - m
    return {f: m for f, m in total.items() if m}


def _overlap(domains: Sequence[Domain]) -> float | None:
    """Measure of an intersection of simple domains, None where there is no short formula."""
    names = domains[0].coordinates
    shared = [
        (max(d.bounds[c][0] for d in domains), min(d.bounds[c][1] for d in domains)) for c in names
    ]
    if any(low >= high for low, high in shared):
        return 0.0
    essential = [d for d in domains if not any(_holds(d, e) for e in domains if e is not d)]
    if all(isinstance(d, Box) for d in domains):
        return prod(high - low for low, high in shared)
    return essential[0].measure if len(essential) == 1 else None


def _holds(outer: Domain, inner: Domain) -> bool:
    """Whether a box holds all of another domain, so that it leaves an intersection as it is."""
    return isinstance(outer, Box) and all(
        outer.bounds[c][0] <= inner.bounds[c][0] and inner.bounds[c][1] <= outer.bounds[c][1]
        for c in outer.coordinates
    )
