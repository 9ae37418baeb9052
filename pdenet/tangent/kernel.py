"""Symmetric products: K = J J^T from the layers' factors, without forming J where that is cheaper.

The part of K that one weight gives is, for two rows, the sum over pairs of their outer products of
(input . input') (gradient . gradient'): two small products instead of one over all entries of the
weight.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor

from pdenet.tangent.factors import Factors, Outer, Plain
from pdenet.tangent.general import GeneralRows
from pdenet.tangent.pairs import PairRows

STRIP = 256  # rows of a product that are computed to the diagonal, not only below it
TILE = 512  # outer products on a side of a tile: three tiles stay in the cache
PASS = 70  # flops of a matrix product that take as long as an entry's product and sum

Rows: TypeAlias = Factors | GeneralRows

AnyRows = TypeVar("AnyRows", Factors, Factors | GeneralRows)
Columns = TypeVar("Columns", Outer, Plain)


def add_symmetric(out: Tensor, a: Tensor) -> None:
    """Adds a a^T to a matrix, below its diagonal and on it; above there is only part of it.

    Args:
        out: Shape (n, n).
        a: Shape (n, m).
    """
    for start in range(0, len(a), STRIP):
        stop = min(start + STRIP, len(a))
        out[start:, start:stop].addmm_(a[start:], a[start:stop].T)


def mirror(out: Tensor) -> Tensor:
    """Copies what is below the diagonal of a matrix to above.

    Args:
        out: Shape (n, n).

    Returns:
        The matrix itself.
    """
    for start in range(0, len(out), STRIP):
        stop = min(start + STRIP, len(out))
        square = out[start:stop, start:stop]
        square.copy_(square.tril() + square.tril(-1).T)
        out[start:stop, stop:] = out[stop:, start:stop].T
    return out


def kernel(pieces: Sequence[tuple[int, Rows]], out: Tensor, width: int, max_bytes: int) -> Tensor:
    """K = J J^T of rows in pieces.

    Args:
        pieces: All rows of J, each piece with the number of its first row.
        out: Zeros, shape (N, N).
        width: Number P of columns of J.
        max_bytes: Bound on the memory of rows that are written out.

    Returns:
        ``out``, filled.
    """
    everything = slice(0, width)
    layered: list[tuple[int, Factors]] = []
    general: list[tuple[int, Rows]] = []
    for start, given in pieces:
        rows = given.factors() if isinstance(given, PairRows) else given
        if not isinstance(rows, Factors) or everything in [p.columns for p in rows.plains]:
            general.append((start, rows))
        else:
            layered.append((start, rows.in_rows() if rows.crossed else rows))
    if layered:
        weights = factored_weights([rows for _, rows in layered])
        _add_written(layered, weights, out, max_bytes)
        _add_factored(layered, weights, out)
        mirror(out)
    size = max(1, max_bytes // (2 * out.element_size() * width))
    for index, (start, rows) in enumerate(general):
        mine = _written(rows, width, out)
        for other, piece in _split([*layered, *general[: index + 1]], size):
            product = _written(piece, width, out) @ mine.T
            out[other : other + len(product), start : start + len(mine)] = product
            out[start : start + len(mine), other : other + len(product)] = product.T
    return out


def factored_weights(rows: Sequence[Factors]) -> set[int]:
    """Weights whose part of K costs less from factors than from columns of J.

    Args:
        rows: All rows that come from layers.

    Returns:
        Where the weights' columns begin.
    """
    outers: dict[int, list[Outer]] = {}
    for factors in rows:
        for outer in factors.outers:
            outers.setdefault(outer.columns.start, []).append(outer)
    elsewhere = {plain.columns.start for factors in rows for plain in factors.plains}
    return {start for start, of in outers.items() if start not in elsewhere and _pays(of)}


def _pays(outers: Sequence[Outer]) -> bool:
    i, o = outers[0].inputs.shape[-1], outers[0].gradients.shape[-1]
    inputs = sum(_size(f) for f in outers)
    gradients = sum(f.gradients.shape[:3].numel() for f in outers)
    rows = sum(len(f.gradients) * f.inputs.shape[1] for f in outers)
    from_factors = 2 * i * inputs**2 + (2 * o + PASS) * gradients**2
    return from_factors < 2 * i * o * rows**2


def _add_factored(pieces: Sequence[tuple[int, Factors]], weights: set[int], out: Tensor) -> None:
    """Adds what some weights give, below the diagonal and on it, tile by tile."""
    for weight in weights:
        tiles = []
        for start, factors in pieces:
            for outer in factors.outers:
                if outer.columns.start == weight:
                    tiles += list(_tiles(start, outer))
        scratch = out.new_empty(2, max(_size(tile) for _, tile in tiles) ** 2)
        for index, (row, left) in enumerate(tiles):
            for column, right in tiles[: index + 1]:
                _add_tile(out, row, left, column, right, scratch)


def _tiles(start: int, outer: Outer) -> Iterator[tuple[int, Outer]]:
    k, r, n = outer.gradients.shape[:3]
    size = max(1, TILE // r)
    for point in range(0, n, size):
        yield start + k * point, outer.select(slice(point, point + size))


def _size(outer: Outer) -> int:
    return outer.inputs.shape[:2].numel()


def _add_tile(
    out: Tensor, row: int, left: Outer, column: int, right: Outer, scratch: Tensor
) -> None:
    k, r, n = left.gradients.shape[:3]
    others, s, m = right.gradients.shape[:3]
    # Fresh memory for each tile would cost more than the products.
    inputs, products = (b[: r * n * s * m].view(r * n, s * m) for b in scratch)
    torch.mm(left.inputs.flatten(0, 1), right.inputs.flatten(0, 1).T, out=inputs)
    target = out[row : row + k * n, column : column + others * m]
    for a, first in enumerate(left.gradients):
        for b, second in enumerate(right.gradients):
            torch.mm(first.flatten(0, 1), second.flatten(0, 1).T, out=products)
            total = inputs[:n] * products[:n]
            for start in range(n, r * n, n):
                total.addcmul_(inputs[start : start + n], products[start : start + n])
            for start in range(0, s * m, m):
                target[a::k, b::others] += total[:, start : start + m]


def _add_written(
    pieces: Sequence[tuple[int, Factors]], without: set[int], out: Tensor, max_bytes: int
) -> None:
    """Adds what all other columns give, below the diagonal and on it."""
    places: dict[int, slice] = {}
    width = 0
    for _, factors in pieces:
        for part in (*factors.outers, *factors.plains):
            start, stop = part.columns.start, part.columns.stop
            if start not in places and start not in without:
                places[start] = slice(width, width + stop - start)
                width += stop - start
    if not width:
        return
    closer = [(start, _moved(factors, places)) for start, factors in pieces]
    size = max(1, max_bytes // (2 * out.element_size() * width))
    rows = sum(factors.z.numel() for _, factors in closer)
    split = list(_split(closer, size))
    kept = [_written(f, width, out) for _, f in split] if rows <= size else None
    for a, (row, factors) in enumerate(split):
        left = _written(factors, width, out) if kept is None else kept[a]
        square = out[row : row + len(left), row : row + len(left)]
        add_symmetric(square, left)
        for b, (column, others) in enumerate(split[:a]):
            right = _written(others, width, out) if kept is None else kept[b]
            out[row : row + len(left), column : column + len(right)].addmm_(left, right.T)


def _moved(factors: Factors, places: dict[int, slice]) -> Factors:
    """Some of the columns, side by side."""

    def move(part: Columns) -> Columns:
        return replace(part, columns=places[part.columns.start])

    return Factors(
        factors.z,
        [move(f) for f in factors.outers if f.columns.start in places],
        [move(f) for f in factors.plains if f.columns.start in places],
    )


def _split(pieces: Sequence[tuple[int, AnyRows]], size: int) -> Iterator[tuple[int, AnyRows]]:
    """Smaller pieces, of at most so many rows where that is possible."""
    for start, rows in pieces:
        n, k = rows.z.shape
        step = max(1, size // k)
        for point in range(0, n, step):
            yield start + k * point, rows.select(slice(point, point + step))


def _written(rows: Rows, width: int, like: Tensor) -> Tensor:
    out = like.new_empty((*rows.z.shape, width))
    rows.write(out)
    return out.flatten(0, 1)
