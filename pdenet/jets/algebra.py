"""Arithmetic of truncated series, channel by channel.

A series is a tuple of parts, one a channel of its :class:`~pdenet.jets.layout.Layout`: the value,
shape (n, ...), and partial derivatives, shape (n, ...) or (1, ...) where they are the same at all
points. A part that vanishes identically is the number 0.0. Nothing is multiplied by it, nor by 1,
nor stored: the coordinates, where every series begins, have no second derivatives and constant
first ones.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from pdenet.jets.layout import Layout

Term: TypeAlias = Tensor | float
Parts: TypeAlias = tuple[Term, ...]


def multiply(
    layout: Layout,
    f: Parts,
    g: Parts,
    product: Callable[[Tensor, Tensor], Tensor] = torch.mul,
) -> Parts:
    """Product rule, for any operation that is linear in either argument.

    Args:
        layout: Channels of both series.
        f: Left series.
        g: Right series.
        product: The operation, of one part of either.

    Returns:
        The product.
    """
    f, g = with_derived(layout, f), with_derived(layout, g)
    parts: list[Term] = []
    for row in layout.products:
        total: Term = 0.0
        for count, a, b in row:
            left, right = f[a], g[b]
            if isinstance(left, Tensor) and isinstance(right, Tensor):
                total = add(total, scale(count, product(left, right)))
        parts.append(total)
    return tuple(parts)


def multiply_transposed(layout: Layout, f: Parts, grads: Sequence[Tensor]) -> list[Tensor]:
    """Transpose of the product with a series, as the gradient of :func:`multiply` needs it.

    Args:
        layout: Channels of the series.
        f: The series.
        grads: Gradient of the product, by channel.

    Returns:
        Gradient of the other factor, by channel.
    """
    f = with_derived(layout, f)
    parts: list[Term] = [0.0] * len(layout.positions)
    for c, row in enumerate(layout.products):
        for count, a, b in row:
            parts[b] = add(parts[b], scale(count, times(f[a], grads[c])))
    for position, sum_ in enumerate(layout.derived, len(layout)):
        for count, c in sum_:
            parts[c] = add(parts[c], scale(count, parts[position]))
    return [torch.as_tensor(part) for part in parts[: len(layout)]]


def compose(layout: Layout, h: Parts, derivatives: Sequence[Term]) -> Parts:
    """Chain rule: sigma(h).

    Args:
        layout: Channels of the series.
        h: The argument.
        derivatives: sigma and its derivatives at the value of h, up to the layout's order.

    Returns:
        The composition.
    """
    powers = Monomials(with_derived(layout, h))
    parts: list[Term] = [derivatives[0]]
    for row in layout.compositions[1:]:
        total: Term = 0.0
        for k, terms in row:
            total = add(total, times(derivatives[k], powers.polynomial(terms)))
        parts.append(total)
    return tuple(parts)


def with_derived(layout: Layout, parts: Parts) -> Parts:
    """Append the channels that are sums of others.

    Args:
        layout: Channels of the series.
        parts: The series.

    Returns:
        Its parts and the derived ones, by position.
    """
    if not layout.derived:
        return parts
    derived: list[Term] = []
    for sum_ in layout.derived:
        total: Term = 0.0
        for count, c in sum_:
            total = add(total, scale(count, parts[c]))
        derived.append(total)
    return (*parts, *derived)


class Monomials:
    """Products of parts, each formed once.

    Args:
        parts: What is multiplied, by position.
    """

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.known: dict[tuple[int, ...], Term] = {}

    def product(self, factors: tuple[int, ...]) -> Term:
        """Product of parts.

        Args:
            factors: Positions, sorted.

        Returns:
            The product.
        """
        if len(factors) == 1:
            return self.parts[factors[0]]
        if factors not in self.known:
            head = self.product(factors[:-1])
            self.known[factors] = times(head, self.parts[factors[-1]])
        return self.known[factors]

    def polynomial(self, terms: Sequence[tuple[int, tuple[int, ...]]]) -> Term:
        """Sum of products.

        Args:
            terms: Multiplicities and positions.

        Returns:
            The sum.
        """
        total: Term = 0.0
        for count, factors in terms:
            total = add(total, scale(count, self.product(factors)))
        return total


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


def scale(count: int, term: Term) -> Term:
    """A multiple, without work for 1.

    Args:
        count: The multiplicity.
        term: A term.

    Returns:
        ``count * term``.
    """
    return times(float(count), term)
