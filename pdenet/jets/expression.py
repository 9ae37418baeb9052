"""Scalar expressions that know how to differentiate themselves, lazily.

An expression yields any partial derivative on demand, by the same product and chain rules that
carry jets through networks (:mod:`pdenet.jets.index`), and remembers it. Nothing is computed that
nobody asks for.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from pdenet.jets.algebra import Term, add, scale, times
from pdenet.jets.elementary import Derivatives
from pdenet.jets.index import Index, canonical, faa_di_bruno, leibniz, order
from pdenet.jets.jet import Jet
from pdenet.jets.nested import derivative


class Differentiable(Protocol):
    """Whatever has partial derivatives: Fields, and expressions themselves."""

    def partial(self, index: Index) -> Term:
        """The partial derivative, shape (n,), or a number known beforehand."""
        ...


Operand = Differentiable | Tensor | float


def partial_of(operand: Operand, index: Index) -> Term:
    """Partial derivative of an operand; tensors and numbers are constants.

    Args:
        operand: A differentiable thing, a tensor or a number.
        index: The operator.

    Returns:
        Shape (n,) or (), or a number.
    """
    if isinstance(operand, Tensor | float | int):
        return 0.0 if index else operand
    return operand.partial(index)


class Expression(ABC):
    """A scalar expression at n points."""

    def __init__(self) -> None:
        self._known: dict[Index, Term] = {}

    def partial(self, index: Index) -> Term:
        """One partial derivative, computed at the first call.

        Args:
            index: The operator.

        Returns:
            Shape (n,), or a number known beforehand.
        """
        if index not in self._known:
            self._known[index] = self._derive(index)
        return self._known[index]

    @abstractmethod
    def _derive(self, index: Index) -> Term:
        """Compute one partial derivative."""


class Leaf(Expression):
    """A field as a network delivers it.

    Args:
        jet: Its channels, shape (c, n).
    """

    def __init__(self, jet: Jet) -> None:
        super().__init__()
        self.jet = jet

    def _derive(self, index: Index) -> Term:
        return self.jet.partial(index)


class Coordinate(Expression):
    """A coordinate, as a function of the coordinates.

    Args:
        values: Its values, shape (n,).
        axis: Its position.
    """

    def __init__(self, values: Tensor, axis: int) -> None:
        super().__init__()
        self.values = values
        self.axis = axis

    def _derive(self, index: Index) -> Term:
        if not index:
            return self.values
        return 1.0 if index == (self.axis,) else 0.0


class Derivative(Expression):
    """A partial derivative of something, to be differentiated further.

    Args:
        base: What is differentiated.
        index: The operator.
    """

    def __init__(self, base: Differentiable, index: Index) -> None:
        super().__init__()
        self.base = base
        self.index = index

    def _derive(self, index: Index) -> Term:
        return self.base.partial(canonical(self.index + index))


class Sum(Expression):
    """A linear combination ``a + factor * b``.

    Args:
        a: First operand.
        b: Second operand.
        factor: Multiple of the second.
    """

    def __init__(self, a: Operand, b: Operand, factor: float) -> None:
        super().__init__()
        self.a, self.b, self.factor = a, b, factor

    def _derive(self, index: Index) -> Term:
        a, b = partial_of(self.a, index), partial_of(self.b, index)
        if isinstance(a, Tensor) and isinstance(b, Tensor) and self.factor == -1:
            return a - b
        return add(a, times(self.factor, b))


class Product(Expression):
    """A product.

    Args:
        a: First factor.
        b: Second factor.
    """

    def __init__(self, a: Operand, b: Operand) -> None:
        super().__init__()
        self.a, self.b = a, b

    def _derive(self, index: Index) -> Term:
        total: Term = 0.0
        for count, left, right in leibniz(index):
            term = times(partial_of(self.a, left), partial_of(self.b, right))
            total = add(total, scale(count, term))
        return total


class Composition(Expression):
    """A function of one variable, applied to something.

    Args:
        derivatives: The function and its derivatives (see :mod:`pdenet.jets.univariate`).
        argument: What it is applied to.
    """

    def __init__(
        self, derivatives: Callable[[Tensor, int], Derivatives], argument: Operand
    ) -> None:
        super().__init__()
        self.derivatives = derivatives
        self.argument = argument
        self.tower: Derivatives = ()

    def _derive(self, index: Index) -> Term:
        tower = self._derivatives_up_to(order(index))
        total: Term = 0.0 if index else tower[0]
        for count, blocks in faa_di_bruno(index):
            term = tower[len(blocks)] if blocks else 0.0
            for block in blocks:
                term = times(term, partial_of(self.argument, block))
            total = add(total, scale(count, term))
        return total

    def _derivatives_up_to(self, highest: int) -> Derivatives:
        if len(self.tower) <= highest:
            argument = partial_of(self.argument, ())
            self.tower = self.derivatives(torch.as_tensor(argument), highest)
        return self.tower


class Choice(Expression):
    """One of two operands, point by point; derivatives hold away from the switch.

    Args:
        condition: Where the first is taken, shape (n,).
        a: First operand.
        b: Second operand.
    """

    def __init__(self, condition: Tensor, a: Operand, b: Operand) -> None:
        super().__init__()
        self.condition, self.a, self.b = condition, a, b

    def _derive(self, index: Index) -> Term:
        a, b = partial_of(self.a, index), partial_of(self.b, index)
        if not isinstance(a, Tensor) and not isinstance(b, Tensor) and a == b:
            return a
        return torch.where(self.condition, a, b)


class Unruled(Expression):
    """An operation without a rule.

    Args:
        function: Takes the operands' values.
        operands: What it is applied to.
    """

    def __init__(
        self, function: Callable[[Sequence[Term]], Tensor], operands: Sequence[Operand]
    ) -> None:
        super().__init__()
        self.function = function
        self.operands = operands

    def _derive(self, index: Index) -> Term:
        partials = [partial(partial_of, operand) for operand in self.operands]
        return derivative(self.function, partials, index)
