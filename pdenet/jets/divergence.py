r"""The divergence of an expression, with its Laplacians collapsed.

The divergence of a gradient is a Laplacian, which networks carry as one channel instead of one for
each second derivative. So the divergence of :math:`k \nabla u` is formed as
:math:`k \Delta u + \nabla k \cdot \nabla u`, and likewise whatever is made of gradients by sums
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
    products = [part for part in parts if isinstance(part, Product)]
    if len(products) < len(parts):
        return None
    left, right = [p.a for p in products], [p.b for p in products]
    if _are_same(right):
        factor, inner = right[0], left
    elif _are_same(left):
        factor, inner = left[0], right
    else:
        return None
    total: Expression = Product(factor, divergence(inner, axes))
    if isinstance(factor, Field | Expression):
        for component, axis in zip(inner, axes, strict=True):
            total = Sum(total, Product(Derivative(factor, (axis,)), component), 1.0)
    return total


def _of_sum(parts: Sequence[Operand], axes: tuple[int, ...]) -> Expression | None:
    sums = [part for part in parts if isinstance(part, Sum)]
    if len(sums) < len(parts) or len({part.factor for part in sums}) > 1:
        return None
    left = divergence([part.a for part in sums], axes)
    return Sum(left, divergence([part.b for part in sums], axes), sums[0].factor)


def _are_same(operands: Sequence[Operand]) -> bool:
    return all(_is_same(operand, operands[0]) for operand in operands)


def _is_same(a: Operand, b: Operand) -> bool:
    if isinstance(a, Composition) and isinstance(b, Composition):  # one divisor, for each component
        return a.derivatives is b.derivatives and a.argument is b.argument
    return a is b or (isinstance(a, float | int) and a == b)
