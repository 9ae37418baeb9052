"""What rules share: looking at operands, and keeping the axis of the points in front."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

from torch import Tensor

from pdenet.jets.algebra import Parts, Term
from pdenet.jets.layout import Layout

if TYPE_CHECKING:
    from pdenet.jets.jet import Jet


def is_jet(value: object) -> "TypeGuard[Jet]":
    """Whether an operand is a jet."""
    # Numbers first: torch.compile may hold them as symbols, which have no attributes to ask for.
    if isinstance(value, int | float):
        return False
    return isinstance(getattr(value, "layout", None), Layout)


def value_of(operand: Any) -> Any:
    """The value of a jet; anything else as it is."""
    return operand.value if is_jet(operand) else operand


def parts_of(operand: Any, like: "Jet") -> tuple[Any, ...]:
    """Parts of a jet; of a constant, itself and zeros."""
    return operand.parts if is_jet(operand) else (operand, *[0.0] * (len(like.layout) - 1))


def of(function: Callable[[Tensor], Tensor], part: Term) -> Term:
    """Apply a linear function to a part, unless it vanishes."""
    return function(part) if isinstance(part, Tensor) else 0.0


def each(function: Callable[[Tensor], Tensor], x: "Jet") -> "Jet":
    """Apply a linear function of trailing axes to all channels, at once where they are stacked."""
    if x.stacked is not None:
        return x.like(function(x.stacked))
    return x.like(level([of(function, part) for part in x.parts]))


def level(parts: Sequence[Term]) -> list[Term]:
    """Expand trailing axes of all parts to those of the value."""
    value = parts[0]
    assert isinstance(value, Tensor)
    return [value, *(widen(part, value) for part in parts[1:])]


def widen(part: Term, value: Tensor) -> Term:
    """Expand a part's trailing axes to the value's, where broadcasting has widened that."""
    if not isinstance(part, Tensor) or part.shape[1:] == value.shape[1:]:
        return part
    return part.expand(part.shape[0], *value.shape[1:])


def spread(x: "Jet") -> Parts:
    """Parts with the axis of the points written out."""
    shape = x.shape
    return tuple(part.expand(shape) if isinstance(part, Tensor) else part for part in x.parts)


def refuse_points(dim: int, x: "Jet", new_axes: int = 0) -> None:
    """Refuse to work along the axis of the points.

    Args:
        dim: The axis.
        x: The jet.
        new_axes: How many axes the result has more.

    Raises:
        ValueError: It is the axis of the points.
    """
    if dim % (x.dim() + new_axes) == 0:
        raise ValueError(
            f"An operation along axis {dim} of a jet of shape {tuple(x.shape)} mixes the points, "
            "so that derivatives at one point would depend on the others. Work on the trailing "
            "axes (dim=-1)."
        )


def constant(value: Any, like: "Jet") -> Any:
    """Check a constant operand.

    Args:
        value: A tensor or number.
        like: The jet that it meets.

    Returns:
        The value.

    Raises:
        ValueError: Broadcasting would put another axis in front of the points.
    """
    if isinstance(value, Tensor) and value.dim() > like.dim():
        raise ValueError(
            f"A tensor of shape {tuple(value.shape)} with a jet of shape {tuple(like.shape)}: "
            "the result would not have the points along axis 0. Index or reshape the tensor."
        )
    return value


def check_pair(a: "Jet", b: "Jet") -> None:
    """Check that two jets can be combined.

    Args:
        a: A jet.
        b: A jet.

    Raises:
        ValueError: Their layouts differ, or their axes of points would not meet.
    """
    if a.layout != b.layout:
        raise ValueError(
            f"Jets of layouts {a.layout} and {b.layout} in one operation. "
            "Propagate both with the union of the layouts."
        )
    if a.dim() != b.dim():
        raise ValueError(
            f"Jets of shapes {tuple(a.shape)} and {tuple(b.shape)} in one operation: their axes of "
            "points would not meet. Add trailing axes with unsqueeze(-1)."
        )
