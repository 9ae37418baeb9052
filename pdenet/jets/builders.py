"""Operations on scalar fields, as expressions that differentiate themselves.

The counterpart for fields of :mod:`pdenet.jets.rules`: one entry an operation, by the name of the
torch function, on the same mathematics (:mod:`pdenet.jets.index`, :mod:`pdenet.jets.univariate`).
"""

from collections.abc import Callable
from functools import partial
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from pdenet.jets.elementary import power
from pdenet.jets.expression import Choice, Composition, Expression, Operand, Product, Sum
from pdenet.jets.univariate import UNIVARIATE, with_options


def univariate(name: str) -> Callable[..., Expression]:
    """Builder of a function of one variable, by its name in the table."""

    def build(a: Operand, *args: Any, inplace: bool = False, **options: Any) -> Expression:
        return Composition(with_options(name, args, options), a)

    return build


def add(a: Operand, b: Operand, *, alpha: float = 1) -> Expression:
    """Sum."""
    return Sum(a, b, float(alpha))


def subtract(a: Operand, b: Operand, *, alpha: float = 1) -> Expression:
    """Difference."""
    return Sum(a, b, -float(alpha))


def multiply(a: Operand, b: Operand) -> Expression:
    """Product."""
    return Product(a, b)


def negative(a: Operand) -> Expression:
    """Minus an operand."""
    return Product(a, -1.0)


def divide(a: Operand, b: Operand) -> Expression:
    """Quotient."""
    if isinstance(b, Real):
        return Product(a, 1 / float(b))
    return Product(a, Composition(UNIVARIATE["reciprocal"], b))


def raise_to(a: Operand, b: Operand) -> Expression:
    """Power."""
    if not isinstance(a, Tensor | Real) and isinstance(b, Tensor | Real):
        if isinstance(b, Real) and b == 0:
            return Sum(1.0, Product(a, 0.0), 1.0)
        exponent = float(b) if isinstance(b, Real) else b
        return Composition(partial(power, exponent=exponent), a)
    if isinstance(a, Tensor | Real):
        return Composition(UNIVARIATE["exp"], Product(b, torch.log(torch.as_tensor(a))))
    return Composition(UNIVARIATE["exp"], Product(b, Composition(UNIVARIATE["log"], a)))


def where(condition: Tensor, a: Operand, b: Operand) -> Expression:
    """Choice, point by point; derivatives hold away from the switch."""
    return Choice(condition, a, b)


BUILDERS: dict[str, Callable[..., Expression]] = {
    **{name: univariate(name) for name in UNIVARIATE},
    "add": add,
    "div": divide,
    "mul": multiply,
    "neg": negative,
    "pow": raise_to,
    "sub": subtract,
    "where": where,
}
"""The expression of an operation, by the name of the torch function."""
