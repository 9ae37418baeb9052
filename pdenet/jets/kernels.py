"""In-place arithmetic of series on plain tensors: the inside of :mod:`pdenet.jets.fused`.

The tables of a layout are turned once into short programs of multiply-adds. They run on blocks of
points small enough that a block's intermediates stay in the cache. A factor common to a whole sum
is not multiplied out but handed to the step that uses the sum.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from pdenet.jets.layout import Layout
from pdenet.jets.program import Polynomial, program
from pdenet.jets.slopes import SLOPES

Derivatives = Callable[[Tensor, int], Sequence[Any]]

BLOCK = 2**17
"""Entries of one channel in a block, for each thread; a dozen channels are alive at once."""


def compose(
    name: str,
    derivatives_of: Derivatives,
    layout: Layout,
    present: tuple[int, ...],
    parts: Tensor | Sequence[Tensor],
) -> Tensor:
    """Chain rule, for a function none of whose derivatives vanishes identically.

    Args:
        name: The function.
        derivatives_of: The function and its derivatives.
        layout: Channels of the series.
        present: Channels of the argument that do not vanish.
        parts: Those channels, stacked, or one by one: (n, ...), or (1, ...) where constant.

    Returns:
        All channels of the composition, shape (c, n, ...).
    """
    out = parts[0].new_empty((len(layout), *parts[0].shape))
    for rows in _blocks(parts[0]):
        block = _block(parts, rows)
        slots, result = _slots(layout, present, block), out[:, rows]
        if name in SLOPES:
            slope = SLOPES[name]
            derivatives, factors = slope.tower(slope.value(slots[0], out=result[0]), layout.order)
        else:
            value, *derivatives = derivatives_of(slots[0], layout.order)
            result[0] = value
            factors = [1.0] * layout.order
        _compose(layout, present, block, slots, derivatives, factors, result)
    return out


def gradient(
    name: str,
    derivatives_of: Derivatives,
    layout: Layout,
    present: tuple[int, ...],
    saved: Tensor | Sequence[Tensor],
    grad: Tensor,
) -> Tensor:
    """Gradient of :func:`compose`.

    Args:
        name: The function.
        derivatives_of: The function and its derivatives.
        layout: Channels of the series.
        present: Channels of the argument that do not vanish.
        saved: Channels of the result where the function is one of
            :data:`~pdenet.jets.slopes.SLOPES`, else those of the argument that do not vanish.
        grad: Gradient of the result, shape (c, n, ...).

    Returns:
        Gradients of the present channels, stacked, each (n, ...).
    """
    everything = tuple(range(len(layout)))
    out = grad.new_empty((len(present), *grad.shape[1:]))
    for rows in _blocks(grad[0]):
        block, grads, result = _block(saved, rows), grad[:, rows], out[:, rows]
        wanted = grads if present == everything else grads[list(present)]
        if name in SLOPES:
            slots = _slots(layout, everything, block)
            SLOPES[name].backward(wanted, slots[0], grad_input=result)
            slopes, factors = _slopes(name, layout, slots)
        else:
            slots = _slots(layout, present, block)
            first, *rest = derivatives_of(slots[0], layout.order + 1)[1:]
            torch.mul(first, wanted, out=result)
            series, factors = torch.empty_like(grads), [1.0] * len(layout)
            _compose(layout, present, block, slots, rest, factors, series)
            slopes = list(series.unbind(0))
        _transpose(layout, present, slopes, factors, grads, result)
    return out


def _blocks(like: Tensor) -> Iterator[slice]:
    points = len(like)
    rows = max(1, BLOCK * torch.get_num_threads() * points // max(1, like.numel()))
    if like.device.type != "cpu" or points <= rows:
        yield slice(None)
        return
    for start in range(0, points, rows):
        yield slice(start, start + rows)


def _block(parts: Tensor | Sequence[Tensor], rows: slice) -> Tensor | list[Tensor]:
    if isinstance(parts, Tensor):
        return parts[:, rows]
    points = len(parts[0])
    return [part[rows] if len(part) == points else part for part in parts]


def _slots(layout: Layout, present: tuple[int, ...], parts: Tensor | Sequence[Tensor]) -> list[Any]:
    slots: list[Any] = [None] * len(layout.positions)
    for c, part in zip(present, parts, strict=True):
        slots[c] = part
    return _derive(layout, slots, [1.0] * len(layout))


def _derive(layout: Layout, slots: list[Any], factors: Sequence[float]) -> list[Any]:
    """Fill the slots of the channels that are sums of others."""
    for position, sum_ in enumerate(layout.derived, len(layout)):
        terms = [(count * factors[c], slots[c]) for count, c in sum_ if slots[c] is not None]
        for k, (factor, part) in enumerate(terms):
            slots[position] = part * factor if k == 0 else slots[position].add_(part, alpha=factor)
    return slots


def _compose(
    layout: Layout,
    present: tuple[int, ...],
    parts: Tensor | Sequence[Tensor],
    slots: list[Any],
    derivatives: Sequence[Any],
    factors: Sequence[float],
    result: Tensor,
) -> None:
    """All channels but the value, from the first and higher derivatives."""
    if isinstance(parts, Tensor):
        torch.mul(derivatives[0], parts[1:], out=result[1:])
    else:
        result[1:] = 0
        for c, part in zip(present[1:], parts[1:], strict=True):
            torch.mul(derivatives[0], part, out=result[c])
    rows = result.unbind(0)
    steps = program(layout, present)
    for a, b in steps.prefixes:
        slots.append(slots[a] * slots[b])
    for sum_ in steps.composition:
        k = sum_.order - 1
        inner = _evaluate(sum_, slots)
        rows[sum_.target].addcmul_(derivatives[k], inner, value=factors[k] * sum_.factor)


def _evaluate(sum_: Polynomial, slots: Sequence[Tensor]) -> Tensor:
    (factor, a, b), *rest = sum_.steps
    total = torch.mul(slots[a], slots[b])
    if factor != 1:
        total.mul_(factor)
    for factor, a, b in rest:
        total.addcmul_(slots[a], slots[b], value=factor)
    return total


def _slopes(name: str, layout: Layout, slots: list[Any]) -> tuple[list[Any], list[float]]:
    """Series of sigma'(h) from sigma(h), but for its value: parts, and a factor for each."""
    slope = SLOPES[name]
    if slope.shift:
        slots[0] = slots[0] + slope.shift
    squares = program(layout, tuple(range(len(layout)))).square[1:]
    parts = [_evaluate(square, slots) for square in squares]
    return [None, *parts], [1.0, *(slope.factor * square.factor for square in squares)]


def _transpose(
    layout: Layout,
    present: tuple[int, ...],
    slopes: list[Any],
    factors: list[float],
    grad: Tensor,
    result: Tensor,
) -> None:
    """Transpose of the product with a series; the part of its value is in the result already."""
    slopes = _derive(layout, [*slopes, *[None] * len(layout.derived)], factors)
    factors = [*factors, *[1.0] * len(layout.derived)]
    grads = grad.unbind(0)
    parts: list[Any] = [None] * len(layout.positions)
    for c, part in zip(present, result.unbind(0), strict=True):
        parts[c] = part
    for _, position in _derived(layout, present):
        parts[position] = torch.zeros_like(result[0])
    for c, row in enumerate(layout.products):
        for count, a, b in row:
            if a != 0 and parts[b] is not None:
                parts[b].addcmul_(slopes[a], grads[c], value=count * factors[a])
    for sum_, position in _derived(layout, present):
        for count, c in sum_:
            if parts[c] is not None:
                parts[c].add_(parts[position], alpha=count)


def _derived(layout: Layout, present: tuple[int, ...]) -> Iterator[tuple[Any, int]]:
    for position, sum_ in enumerate(layout.derived, len(layout)):
        if any(c in present for _, c in sum_):
            yield sum_, position
