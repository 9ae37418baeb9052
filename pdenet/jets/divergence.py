"""The divergence of an expression, with its Laplacians collapsed.

The divergence of a gradient is a Laplacian, which networks carry as one channel instead of one for
each second derivative. So the divergence of :math:`k \\nabla u` is formed as
:math:`k \\Delta u + \\nabla k \\cdot \\nabla u`, and likewise whatever is made of gradients by sums
and common factors. Anything else is the sum of its components' derivatives.
"""

from collections.abc import Sequence

from pdenet.jets.expression import Composition, Derivative, Expression, Operand, Product, Sum
from pdenet.jets.field import Field
from pdenet.jets.index import canonical


def divergence(components: Sequence[Operand], axes: tuple[int, ...]) -> Expression:
    """Sum of the components' derivatives, each by its own coordinate.

    Args:
        components: One for each coordinate.
        axes: Positions of the coordinates.

    Returns:
        The divergence.
    """
    parts = [_opened(component) for component in components]
    collapsed = _of_gradient(parts, axes) or _of_multiple(parts, axes) or _of_sum(parts, axes)
    if collapsed is not None:
        return collapsed
    total: Expression = _slope(components[0], axes[0])
    for component, axis in zip(components[1:], axes[1:], strict=True):
        total = Sum(total, _slope(component, axis), 1.0)
    return total


def _opened(component: Operand) -> Operand:
    if not isinstance(component, Field):
        return component
    # It is looked into here, also when the function runs again: it has to stay a field then.
    component.frame.note_differentiated(component.identity)
    return component.expression


def _slope(component: Operand, axis: int) -> Expression:
    if isinstance(component, Field | Expression):
        return Derivative(component, (axis,))
    return Product(0.0, component)


def _of_gradient(parts: Sequence[Operand], axes: tuple[int, ...]) -> Expression | None:
    first = parts[0]
    if not isinstance(first, Derivative) or axes[0] not in first.index:
        return None
    rest = list(first.index)
    rest.remove(axes[0])
    for part, axis in zip(parts, axes, strict=True):
        if not isinstance(part, Derivative) or part.base is not first.base:
            return None
        if part.index != canonical([*rest, axis]):
            return None
    return Derivative(first.base, canonical([*rest, axes]))


def _of_multiple(parts: Sequence[Operand], axes: tuple[int, ...]) -> Expression | None:
    factor = _common(parts, "b")
    if factor is not None:
        inner = [part.a for part in parts]
    else:
        factor = _common(parts, "a")
        inner = [part.b for part in parts] if factor is not None else []
    if factor is None:
        return None
    total: Expression = Product(factor, divergence(inner, axes))
    if isinstance(factor, Field | Expression):
        for component, axis in zip(inner, axes, strict=True):
            total = Sum(total, Product(Derivative(factor, (axis,)), component), 1.0)
    return total


def _common(parts: Sequence[Operand], side: str) -> Operand | None:
    if not all(isinstance(part, Product) for part in parts):
        return None
    factors = [getattr(part, side) for part in parts]
    return factors[0] if all(_is_same(factor, factors[0]) for factor in factors) else None


def _is_same(a: Operand, b: Operand) -> bool:
    if isinstance(a, Composition) and isinstance(b, Composition):  # one divisor, for each component
        return a.derivatives is b.derivatives and a.argument is b.argument
    return a is b


def _of_sum(parts: Sequence[Operand], axes: tuple[int, ...]) -> Expression | None:
    if not all(isinstance(part, Sum) for part in parts):
        return None
    if len({part.factor for part in parts}) > 1:
        return None
    left = divergence([part.a for part in parts], axes)
    return Sum(left, divergence([part.b for part in parts], axes), parts[0].factor)
