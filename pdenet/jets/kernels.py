"""In-place arithmetic of series on plain tensors: the inside of :mod:`pdenet.jets.fused`.

The tables of a layout are turned once into short programs of multiply-adds. They run on blocks of
points small enough that a block's intermediates stay in the cache. A factor common to a whole sum
is not multiplied out but handed to the step that uses the sum.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from pdenet.jets.algebra import Term
from pdenet.jets.layout import Layout
from pdenet.jets.program import Polynomial, program

Derivatives = Callable[[Tensor, int], Sequence[Term]]

SLOPES: dict[str, tuple[float, float, float]] = {
    "sigmoid": (0.25, -1.0, -0.5),
    "tanh": (1.0, -1.0, 0.0),
}
"""Functions u whose derivative is ``constant + factor * (u + shift)**2``, by these numbers."""

BLOCK = 2**15
"""Entries of one channel in a block, for each thread; about fifteen channels are alive at once."""


def compose(
    derivatives_of: Derivatives, layout: Layout, present: tuple[int, ...], parts: Sequence[Tensor]
) -> Tensor:
    """Chain rule, for a function none of whose derivatives vanishes identically.

    Args:
        derivatives_of: The function and its derivatives.
        layout: Channels of the series.
        present: Channels of the argument that do not vanish.
        parts: Those channels, shape (n, ...), or (1, ...) where constant.

    Returns:
        All channels of the composition, shape (c, n, ...).
    """
    out = parts[0].new_empty((len(layout), *parts[0].shape))
    for rows in _blocks(parts[0]):
        slots = _slots(layout, present, parts, rows)
        _compose(layout, present, slots, derivatives_of(slots[0], layout.order), out[:, rows])
    return out


def gradient(
    name: str,
    derivatives_of: Derivatives,
    layout: Layout,
    present: tuple[int, ...],
    saved: Sequence[Tensor],
    grad: Tensor,
) -> list[Tensor]:
    """Gradient of :func:`compose`.

    Args:
        name: The function.
        derivatives_of: The function and its derivatives.
        layout: Channels of the series.
        present: Channels of the argument that do not vanish.
        saved: Channels of the result where the function is one of :data:`SLOPES`, else those of
            the argument that do not vanish.
        grad: Gradient of the result, shape (c, n, ...).

    Returns:
        Gradients of the present channels, stacked, each (n, ...).
    """
    out = grad.new_empty((len(present), *grad.shape[1:]))
    everything = tuple(range(len(layout)))
    for rows in _blocks(grad[0]):
        if name in SLOPES:
            slopes, factors = _slopes(name, layout, _slots(layout, everything, saved, rows))
        else:
            slots = _slots(layout, present, saved, rows)
            series = grad.new_empty((len(layout), *slots[0].shape))
            slopes_of = derivatives_of(slots[0], layout.order + 1)[1:]
            _compose(layout, present, slots, slopes_of, series)
            slopes, factors = list(series.unbind(0)), [1.0] * len(layout)
        _transpose(layout, present, slopes, factors, grad[:, rows], out[:, rows])
    return out


def _blocks(like: Tensor) -> Iterator[slice]:
    points = len(like)
    rows = max(1, BLOCK * torch.get_num_threads() * points // max(1, like.numel()))
    if like.device.type != "cpu" or points <= rows:
        yield slice(None)
        return
    for start in range(0, points, rows):
        yield slice(start, start + rows)


def _slots(
    layout: Layout, present: tuple[int, ...], parts: Sequence[Tensor], rows: slice
) -> list[Any]:
    slots: list[Any] = [None] * len(layout.positions)
    points = len(parts[0])
    for c, part in zip(present, parts, strict=True):
        slots[c] = part[rows] if len(part) == points else part
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
    slots: list[Any],
    derivatives: Sequence[Any],
    out: Tensor,
) -> None:
    parts = out.unbind(0)
    parts[0].copy_(derivatives[0])
    for c in range(1, len(layout)):
        if slots[c] is not None:
            torch.mul(derivatives[1], slots[c], out=parts[c])
        else:
            parts[c].zero_()
    steps = program(layout, present)
    for a, b in steps.prefixes:
        slots.append(slots[a] * slots[b])
    for sum_ in steps.composition:
        inner = _evaluate(sum_, slots)
        parts[sum_.target].addcmul_(derivatives[sum_.order], inner, value=sum_.factor)


def _evaluate(sum_: Polynomial, slots: Sequence[Tensor]) -> Tensor:
    (factor, a, b), *rest = sum_.steps
    total = torch.mul(slots[a], slots[b])
    if factor != 1:
        total.mul_(factor)
    for factor, a, b in rest:
        total.addcmul_(slots[a], slots[b], value=factor)
    return total


def _slopes(name: str, layout: Layout, slots: list[Any]) -> tuple[list[Tensor], list[float]]:
    """Series of sigma'(h) from sigma(h): parts, and a factor for each."""
    constant, factor, shift = SLOPES[name]
    if shift:
        slots[0] = slots[0] + shift
    squares = program(layout, tuple(range(len(layout)))).square
    parts = [_evaluate(square, slots) for square in squares]
    parts[0].mul_(factor).add_(constant)
    return parts, [1.0, *(factor * square.factor for square in squares[1:])]


def _transpose(
    layout: Layout,
    present: tuple[int, ...],
    slopes: list[Tensor],
    factors: list[float],
    grad: Tensor,
    out: Tensor,
) -> None:
    """Transpose of the product with a series."""
    slopes = _derive(layout, [*slopes, *[None] * len(layout.derived)], factors)
    factors = [*factors, *[1.0] * len(layout.derived)]
    grads = grad.unbind(0)
    parts: list[Any] = [None] * len(layout.positions)
    for c, part in zip(present, out.unbind(0), strict=True):
        parts[c] = torch.mul(slopes[0], grads[c], out=part)
    for sum_, position in _derived(layout, present):
        parts[position] = torch.zeros_like(parts[0])
    for c, row in enumerate(layout.products):
        for count, a, b in row:
            if parts[b] is not None and (a, b) != (0, c):
                parts[b].addcmul_(slopes[a], grads[c], value=count * factors[a])
    for sum_, position in _derived(layout, present):
        for count, c in sum_:
            if parts[c] is not None:
                parts[c].add_(parts[position], alpha=count)


def _derived(layout: Layout, present: tuple[int, ...]) -> Iterator[tuple[Any, int]]:
    for position, sum_ in enumerate(layout.derived, len(layout)):
        if any(c in present for _, c in sum_):
            yield sum_, position
