r"""Differential operators as indices, and the combinatorics of product and chain rule.

An index is a tuple of factors. A factor is a coordinate's position ``i`` (the operator
:math:`\partial_i`) or a tuple of positions ``A`` (the Laplacian
:math:`\Delta_A = \sum_{i \in A} \partial_i^2` over those coordinates). So ``()`` is the value,
``(0, 1)`` a mixed partial, ``((0, 1),)`` a Laplacian in the plane, ``(0, (0, 1))`` the first
component of its gradient and ``((0, 1), (0, 1))`` the biharmonic operator.

Both rules below treat a Laplacian as two differentiations by one summed coordinate. Terms in which
the two fall on the same function need only that function's Laplacian: the sum is collapsed, and
the second derivatives it is made of are never formed.
"""

from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import TypeAlias

import torch

Factor: TypeAlias = int | tuple[int, ...]
Index: TypeAlias = tuple[Factor, ...]

MAX_ORDER = 4
"""Highest order of a partial derivative that jets carry."""


def canonical(factors: Iterable[Factor]) -> Index:
    """Sort an index: coordinates first, then Laplacians.

    Args:
        factors: Coordinates and Laplacians in any order; a Laplacian over one coordinate is
            written out as its second derivative.

    Returns:
        The index that stands for this operator.

    Example:
        >>> canonical([(0, 1), 1, 0, (0,)])
        (0, 0, 0, 1, (0, 1))
    """
    coordinates: list[int] = []
    laplacians: list[tuple[int, ...]] = []
    for factor in factors:
        if isinstance(factor, int):
            coordinates.append(factor)
        elif len(factor) == 1:
            coordinates += [factor[0], factor[0]]
        else:
            laplacians.append(tuple(sorted(factor)))
    return (*sorted(coordinates), *sorted(laplacians))


def order(index: Index) -> int:
    """Order of the differential operator: a Laplacian counts twice.

    Args:
        index: The operator.

    Returns:
        Its order.

    Example:
        >>> order((0, (0, 1)))
        3
    """
    return sum(1 if isinstance(factor, int) else 2 for factor in index)


def written_out(index: Index) -> dict[Index, int]:
    """Write the Laplacians of an index as sums of partial derivatives.

    Args:
        index: The operator.

    Returns:
        Pure multi-indices and their multiplicity.

    Example:
        >>> written_out(((0, 1), (0, 1)))
        {(0, 0, 0, 0): 1, (0, 0, 1, 1): 2, (1, 1, 1, 1): 1}
    """
    terms: Counter[Index] = Counter({(): 1})
    for factor in index:
        choices = [(factor,)] if isinstance(factor, int) else [(i, i) for i in factor]
        grown: Counter[Index] = Counter()
        for term, count in terms.items():
            for choice in choices:
                grown[canonical(term + choice)] += count
        terms = grown
    return dict(terms)


@torch.compiler.assume_constant_result
def leibniz(index: Index) -> tuple[tuple[int, Index, Index], ...]:
    r"""Product rule: :math:`D(fg) = \sum c\, D_a f\, D_b g`.

    Args:
        index: The operator D.

    Returns:
        Terms ``(c, a, b)``.

    Example:
        >>> leibniz(((0, 1),))
        ((1, ((0, 1),), ()), (2, (0,), (0,)), (2, (1,), (1,)), (1, (), ((0, 1),)))
    """
    return _leibniz(index)


@cache
def _leibniz(index: Index) -> tuple[tuple[int, Index, Index], ...]:
    terms: Counter[tuple[Index, Index]] = Counter({((), ()): 1})
    for factor in index:
        choices: list[tuple[int, Index, Index]] = [(1, (factor,), ()), (1, (), (factor,))]
        if not isinstance(factor, int):
            choices[1:1] = [(2, (i,), (i,)) for i in factor]
        grown: Counter[tuple[Index, Index]] = Counter()
        for (left, right), count in terms.items():
            for times, a, b in choices:
                grown[canonical(left + a), canonical(right + b)] += count * times
        terms = grown
    return tuple((count, a, b) for (a, b), count in terms.items())


@torch.compiler.assume_constant_result
def faa_di_bruno(index: Index) -> tuple[tuple[int, tuple[Index, ...]], ...]:
    r"""Chain rule: :math:`D\,\sigma(h) = \sum c\,\sigma^{(k)}(h)\prod_{j=1}^{k} D_{b_j} h`.

    Args:
        index: The operator D.

    Returns:
        Terms ``(c, (b_1, ..., b_k))``; the number of blocks is the order of sigma's derivative.

    Example:
        >>> faa_di_bruno((0, 0))
        ((1, ((0, 0),)), (1, ((0,), (0,))))
    """
    return _faa_di_bruno(index)


@cache
def _faa_di_bruno(index: Index) -> tuple[tuple[int, tuple[Index, ...]], ...]:
    terms: Counter[tuple[Index, ...]] = Counter({(): 1})
    for factor in index:
        grown: Counter[tuple[Index, ...]] = Counter()
        for blocks, count in terms.items():
            for result, times in _differentiate_blocks(blocks, factor).items():
                grown[result] += count * times
        terms = grown
    return tuple((count, blocks) for blocks, count in terms.items())


def _differentiate_blocks(blocks: tuple[Index, ...], factor: Factor) -> Counter[tuple[Index, ...]]:
    if isinstance(factor, int):
        return Counter(_sorted_blocks(new) for new, _ in _extend(blocks, factor))
    # Both differentiations on one block: its Laplacian. On different blocks: an explicit sum.
    together = Counter(_sorted_blocks(new) for new, _ in _extend(blocks, factor))
    apart = Counter(
        _sorted_blocks(twice)
        for i in factor
        for once, p in _extend(blocks, i)
        for twice, q in _extend(once, i)
        if p != q
    )
    return together + apart


def _extend(blocks: tuple[Index, ...], factor: Factor) -> Iterable[tuple[tuple[Index, ...], int]]:
    for p, block in enumerate(blocks):
        yield (*blocks[:p], canonical((*block, factor)), *blocks[p + 1 :]), p
    yield (*blocks, (factor,)), len(blocks)


def _sorted_blocks(blocks: tuple[Index, ...]) -> tuple[Index, ...]:
    return tuple(sorted(blocks, key=sort_key))


def sort_key(index: Index) -> tuple[object, ...]:
    """Order of channels: by order, pure partials before Laplacians, then by position.

    Args:
        index: The operator.

    Returns:
        A key for ``sorted``.
    """
    laplacians = [factor for factor in index if not isinstance(factor, int)]
    return (order(index), len(laplacians), [f for f in index if isinstance(f, int)], laplacians)


def closure(indices: Iterable[Index]) -> set[Index]:
    """Everything that the product and chain rules need to form the given derivatives.

    Args:
        indices: The operators asked for.

    Returns:
        The smallest set that holds them and is closed under both rules; it always holds the value.

    Example:
        >>> sorted(closure([((0, 1),)]), key=sort_key)
        [(), (0,), (1,), ((0, 1),)]
    """
    # A block of the chain rule is a part of the index, and so is a factor of the product rule.
    return {()} | {a for index in indices for _, a, _ in leibniz(index)}
