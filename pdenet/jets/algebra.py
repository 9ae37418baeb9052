"""Arithmetic of truncated series, on stacked channels.

A series is a tensor of channels, shape (c, n, ...): the value and then partial derivatives in the
order of a :class:`~pdenet.jets.layout.Layout`. Fewer channels than the layout has mean that the
missing ones vanish identically: the coordinates themselves, of degree 1, carry no second
derivatives, and no rule computes with them.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pdenet.jets.layout import Layout
from pdenet.jets.univariate import Term


def bilinear(
    layout: Layout, f: Tensor, g: Tensor, product: Callable[[Tensor, Tensor], Tensor] = torch.mul
) -> Tensor:
    """Product rule for an operation that is linear in either argument.

    Args:
        layout: Channels of both series.
        f: Left channels, shape (at most c, n, ...).
        g: Right channels, shape (at most c, n, ...).
        product: The operation, of one channel of either.

    Returns:
        Channels of the product.
    """
    left, right = f.unbind(0), g.unbind(0)
    rows: list[Term] = []
    for row in layout.products:
        total: Term = 0.0
        for count, a, b in row:
            if a < len(left) and b < len(right):
                total = add(total, scaled(count, product(left[a], right[b])))
        rows.append(total)
    return stack(rows)


def compose(layout: Layout, h: Tensor, derivatives: Sequence[Term]) -> Tensor:
    """Chain rule: channels of sigma(h).

    Args:
        layout: Channels of the series.
        h: Channels of the argument, shape (at most c, n, ...).
        derivatives: sigma and its derivatives at ``h[0]``, up to the layout's order.

    Returns:
        Channels of the composition.
    """
    parts = h.unbind(0)
    rows: list[Term] = []
    for c, row in enumerate(layout.compositions):
        if c == 0:
            rows.append(derivatives[0])
            continue
        total: Term = 0.0
        for k in range(1, len(derivatives)):
            if not is_zero(derivatives[k]):
                inner = _monomials(parts, [term for term in row if len(term[1]) == k])
                total = add(total, times(derivatives[k], inner))
        rows.append(total)
    return stack(rows)


def _monomials(parts: Sequence[Tensor], terms: Sequence[tuple[int, tuple[int, ...]]]) -> Term:
    total: Term = 0.0
    for count, factors in terms:
        if all(b < len(parts) for b in factors):
            product = parts[factors[0]]
            for b in factors[1:]:
                product = product * parts[b]
            total = add(total, scaled(count, product))
    return total


def stack(rows: Sequence[Term]) -> Tensor:
    """Stack channels; the structural zeros at the end are left out, others are filled in.

    Args:
        rows: One tensor a channel, or 0.0.

    Returns:
        Channels, shape (at most c, n, ...).
    """
    last = max(c for c, row in enumerate(rows) if isinstance(row, Tensor))
    shape = torch.broadcast_shapes(*(row.shape for row in rows if isinstance(row, Tensor)))
    like = next(row for row in rows if isinstance(row, Tensor))
    return torch.stack(
        [
            row.expand(shape) if isinstance(row, Tensor) else like.new_zeros(shape)
            for row in rows[: last + 1]
        ]
    )


def is_zero(term: Term) -> bool:
    """Whether a term vanishes identically.

    Args:
        term: A tensor, or a number known beforehand.

    Returns:
        True for the number 0.
    """
    return not isinstance(term, Tensor) and term == 0


def add(a: Term, b: Term) -> Term:
    """Sum that leaves structural zeros out.

    Args:
        a: A term.
        b: A term.

    Returns:
        Their sum.
    """
    if is_zero(a):
        return b
    return a if is_zero(b) else a + b


def times(a: Term, b: Term) -> Term:
    """Product that leaves structural zeros and ones out.

    Args:
        a: A term.
        b: A term.

    Returns:
        Their product.
    """
    if is_zero(a) or is_zero(b):
        return 0.0
    if not isinstance(a, Tensor) and a == 1:
        return b
    return a if not isinstance(b, Tensor) and b == 1 else a * b


def scaled(count: int, term: Term) -> Term:
    """A multiple, without work for 1.

    Args:
        count: The multiplicity.
        term: A term.

    Returns:
        ``count * term``.
    """
    return times(float(count), term)
