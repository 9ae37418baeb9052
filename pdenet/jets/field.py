"""Fields: what a residual is written in."""

import difflib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pdenet.jets.expression import (
    Choice,
    Composition,
    Derivative,
    Differentiable,
    Expression,
    Operand,
    Product,
    Sum,
)
from pdenet.jets.frame import Frame
from pdenet.jets.index import Index, canonical
from pdenet.jets.rules import ALIASES
from pdenet.jets.univariate import UNIVARIATE, power

Scalar = "Field | Tensor"


class Field:
    """A scalar field at n points, with its partial derivatives.

    ``u.x``, ``u.xx`` and ``u.xt`` are partial derivatives where coordinates have one letter;
    ``u.d("x1", "x1")`` serves all names. Arithmetic and torch functions yield fields where the
    result is differentiated further (as :func:`~pdenet.jets.demand.discover` found out) and plain
    tensors, shape (n,), where it is not.

    Made by :class:`~pdenet.jets.demand.Demand`, not by hand.

    Args:
        frame: What the fields of one evaluation share.
        expression: How values and derivatives are had.
        identity: Number of the expression in the recording.
    """

    def __init__(self, frame: Frame, expression: Expression, identity: int) -> None:
        self.frame = frame
        self.expression = expression
        self.identity = identity

    @property
    def value(self) -> Tensor:
        """The values, shape (n,)."""
        return as_values(self.expression.partial(()), self.frame)

    @property
    def shape(self) -> torch.Size:
        """Shape (n,)."""
        return self.value.shape

    @property
    def dtype(self) -> torch.dtype:
        """Type of the values."""
        return self.value.dtype

    @property
    def device(self) -> torch.device:
        """Where the values live."""
        return self.value.device

    def partial(self, index: Index) -> Tensor | float:
        """One partial derivative as a plain tensor.

        Args:
            index: The operator (see :mod:`pdenet.jets.index`).

        Returns:
            Shape (n,), or a number where it is known beforehand.
        """
        if index:
            self.frame.note_differentiated(self.identity)
        return self.expression.partial(index)

    def d(self, *names: str) -> Any:
        """Partial derivative by coordinates, one name for each differentiation.

        Args:
            *names: Coordinates.

        Returns:
            The derivative: a plain tensor (n,), or a Field where it is differentiated further.

        Raises:
            ValueError: No names, or a name that is no coordinate.
        """
        if not names:
            raise ValueError('d() needs coordinates: u.d("x", "x") is the second derivative by x.')
        return differentiate(self, [self.frame.position(name) for name in names])

    def __getitem__(self, index: Any) -> Any:
        raise TypeError(
            f"A scalar field is one number for each point, shape (n,), and has no part [{index}]. "
            "Write u itself; a residual returns shape (n,) too."
        )

    def __getattr__(self, name: str) -> Any:
        # Refuse before touching own state: an attribute that is missing while the object is being
        # built, copied or traced would otherwise be looked up without end.
        if name.startswith("_") or name in ("frame", "expression", "identity"):
            raise AttributeError(name)
        coordinates = self.frame.coordinates
        if all(letter in coordinates for letter in name):
            return self.d(*name)
        if name in RULES:
            return partial(RULES[name], self)
        raise AttributeError(unknown_partial(name, coordinates))

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        name = ALIASES.get(func.__name__, func.__name__)
        if name not in RULES:
            raise NotImplementedError(f"No rule for {func.__name__} on fields.")
        return RULES[name](*args, **(kwargs or {}))

    def __add__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, Vector) else add(self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, Vector) else subtract(self, other)

    def __rsub__(self, other: Any) -> Any:
        return subtract(other, self)

    def __mul__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, Vector) else multiply(self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, Vector) else divide(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return divide(other, self)

    def __pow__(self, other: Any) -> Any:
        return raise_to(self, other)

    def __rpow__(self, other: Any) -> Any:
        return raise_to(other, self)

    def __neg__(self) -> Any:
        return negative(self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return RULES["abs"](self)

    def __gt__(self, other: Any) -> Tensor:
        return torch.gt(self.value, values_of(other))

    def __ge__(self, other: Any) -> Tensor:
        return torch.ge(self.value, values_of(other))

    def __lt__(self, other: Any) -> Tensor:
        return torch.lt(self.value, values_of(other))

    def __le__(self, other: Any) -> Tensor:
        return torch.le(self.value, values_of(other))


class Vector:
    """A vector (or tensor) field: a tuple of scalar fields, or of vectors.

    Components stay apart, so that shapes (n,) and (n, d) never meet. Sums are of vectors of equal
    length; products and quotients are by scalars.

    Args:
        components: Fields, plain tensors (n,), or vectors.
    """

    def __init__(self, components: Sequence[Any]) -> None:
        self.components = tuple(components)

    def __len__(self) -> int:
        return len(self.components)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.components)

    def __getitem__(self, index: int) -> Any:
        if isinstance(index, int) and not -len(self) <= index < len(self):
            raise IndexError(
                f"Component {index} of a vector with {len(self)} components. "
                f"Components count from 0 to {len(self) - 1}."
            )
        return self.components[index]

    def d(self, *names: str) -> "Vector":
        """Partial derivative of every component.

        Args:
            *names: Coordinates.

        Returns:
            The vector of derivatives.
        """
        return Vector([component.d(*names) for component in self])

    def __getattr__(self, name: str) -> "Vector":
        if name.startswith("_") or name == "components" or not self.components:
            raise AttributeError(name)
        return Vector([getattr(component, name) for component in self.components])

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        # tensor * vector arrives here, as the tensor's own operation.
        if func.__name__ == "mul" and len(args) == 2:
            scalar, vector = args if isinstance(args[1], Vector) else args[::-1]
            return vector * scalar
        raise TypeError(
            f"{func.__name__} of a vector field. Work on components, v[0], v[1], ..., or use dot, "
            "norm, div."
        )

    def __add__(self, other: Any) -> "Vector":
        return Vector([a + b for a, b in zip(self, self._other(other), strict=True)])

    def __sub__(self, other: Any) -> "Vector":
        return Vector([a - b for a, b in zip(self, self._other(other), strict=True)])

    def __mul__(self, other: Any) -> "Vector":
        if isinstance(other, Vector):
            raise TypeError("A product of two vectors is ambiguous. Write dot(a, b).")
        return Vector([component * other for component in self])

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Vector":
        if isinstance(other, Vector):
            raise TypeError("Vectors cannot be divided by vectors. Divide components.")
        return Vector([component / other for component in self])

    def __neg__(self) -> "Vector":
        return Vector([-component for component in self])

    def _other(self, other: Any) -> "Vector":
        if not isinstance(other, Vector) or len(other) != len(self):
            what = f"one of {len(other)}" if isinstance(other, Vector) else type(other).__name__
            raise TypeError(
                f"A vector of {len(self)} components and {what} cannot be added. "
                "Add vectors of equal length, or work on components v[0], v[1], ..."
            )
        return other


def differentiate(field: Any, index: Sequence[Any]) -> Any:
    """Apply an operator to a field.

    Args:
        field: The field.
        index: Factors of the operator (see :mod:`pdenet.jets.index`).

    Returns:
        A plain tensor (n,), or a Field where it is differentiated further.

    Raises:
        TypeError: Not a field.
    """
    if not isinstance(field, Field):
        raise TypeError(
            f"A derivative was asked of {type(field).__name__}, which has none. Fields have "
            "derivatives, and so have expressions of fields and coordinates; a Vector has them "
            "component by component."
        )
    operator = canonical(index)
    # Partials of a partial are partials of what it came from: u.x.x is u.xx, one and the same.
    base, known = field, operator
    if isinstance(field.expression, Derivative) and isinstance(field.expression.base, Field):
        base = field.expression.base
        known = canonical(field.expression.index + operator)
    field.frame.note_differentiated(field.identity)
    return result(base.frame, ("d", base.identity, known), Derivative(base, known))


def result(frame: Frame, key: tuple[Any, ...], expression: Expression) -> Any:
    """An expression as a Field where it is differentiated further, as a plain tensor elsewhere."""
    identity = frame.identify(key)
    if frame.open:
        expression.partial(())  # asks for what the value needs; a field is lazy otherwise
    if identity is None:
        return as_values(expression.partial(()), frame)
    return Field(frame, expression, identity)


def as_values(term: Tensor | float, frame: Frame) -> Tensor:
    """A term as a tensor of shape (n,)."""
    if isinstance(term, Tensor) and term.shape == (frame.size,):
        return term
    return torch.as_tensor(term, dtype=frame.dtype, device=frame.device).expand(frame.size)


def values_of(operand: Any) -> Any:
    """Values of a Field; anything else as it is."""
    return operand.value if isinstance(operand, Field) else operand


def _frame(*operands: Any) -> Frame:
    return next(operand.frame for operand in operands if isinstance(operand, Field))


def _checked(operand: Any, frame: Frame) -> Operand:
    if isinstance(operand, Field | float | int):
        return operand
    if isinstance(operand, Vector):
        raise TypeError("A scalar field met a vector field. Work on components, or use dot.")
    constant = torch.as_tensor(operand)
    if constant.shape not in ((), (frame.size,)):
        hint = "[:, 0]" if constant.dim() == 2 and constant.shape[1] == 1 else ""
        raise ValueError(
            f"A field has shape ({frame.size},), one value a point, and met a tensor of shape "
            f"{tuple(constant.shape)}, which would broadcast to something else. Give one value a "
            f"point{', writing tensor' + hint if hint else ''}, or a single number."
        )
    return constant


def _name(operand: Any) -> int | None:
    return operand.identity if isinstance(operand, Field) else None


def add(a: Any, b: Any, *, alpha: float = 1) -> Any:
    """Sum of fields, tensors and numbers."""
    frame = _frame(a, b)
    expression = Sum(_checked(a, frame), _checked(b, frame), float(alpha))
    return result(frame, ("add", _name(a), _name(b)), expression)


def subtract(a: Any, b: Any, *, alpha: float = 1) -> Any:
    """Difference of fields, tensors and numbers."""
    return add(a, b, alpha=-alpha)


def negative(a: Any) -> Any:
    """Minus a field."""
    return multiply(-1.0, a)


def multiply(a: Any, b: Any) -> Any:
    """Product of fields, tensors and numbers."""
    frame = _frame(a, b)
    expression = Product(_checked(a, frame), _checked(b, frame))
    return result(frame, ("mul", _name(a), _name(b)), expression)


def divide(a: Any, b: Any) -> Any:
    """Quotient of fields, tensors and numbers."""
    if isinstance(b, Field):
        return _times(a, RULES["reciprocal"](b))
    return multiply(a, 1 / b)


def _times(a: Any, b: Any) -> Any:
    if isinstance(a, Field) or isinstance(b, Field):
        return multiply(a, b)
    return a * b


def raise_to(a: Any, b: Any) -> Any:
    """Power: field to a number, number to a field, field to a field."""
    if isinstance(a, Field) and isinstance(b, int | float):
        if b == 0:
            return torch.ones_like(a.value)
        expression = Composition(partial(power, exponent=float(b)), a)
        return result(a.frame, ("pow", a.identity), expression)
    logarithm = torch.log(a if isinstance(a, Field) else torch.as_tensor(a))
    exponent = _times(b, logarithm)
    return torch.exp(exponent)


def univariate(name: str) -> Callable[..., Any]:
    """Rule of a function of one variable."""
    derivatives_of = UNIVARIATE[name]

    def rule(a: Any, **kwargs: Any) -> Any:
        kwargs.pop("inplace", None)
        derivatives = partial(derivatives_of, **kwargs) if kwargs else derivatives_of
        return result(a.frame, (name, a.identity), Composition(derivatives, a))

    return rule


def where(condition: Any, a: Any, b: Any) -> Any:
    """Selection, point by point; derivatives hold away from the switch."""
    frame = _frame(a, b)
    expression = Choice(condition, _checked(a, frame), _checked(b, frame))
    return result(frame, ("where", _name(a), _name(b)), expression)


def comparison(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Rule of a comparison: of the values."""
    return lambda a, b: function(values_of(a), values_of(b))


def unknown_partial(name: str, coordinates: Sequence[str]) -> str:
    """Message for a partial derivative that does not exist.

    Args:
        name: What was asked for.
        coordinates: What there is.

    Returns:
        What is wrong and what is likely meant.
    """
    unknown = [letter for letter in dict.fromkeys(name) if letter not in coordinates]
    close = difflib.get_close_matches(name, [*coordinates, *RULES], n=1, cutoff=0.5)
    likely = f" Did you mean .{close[0]}?" if close else ""
    return (
        f"'{name}' is no partial derivative: there is no coordinate "
        f"{' or '.join(map(repr, unknown))} among {tuple(coordinates)}.{likely} "
        'Coordinates with long names go by u.d("name", ...).'
    )


RULES: dict[str, Callable[..., Any]] = {
    **{name: univariate(name) for name in UNIVARIATE},
    "add": add,
    "div": divide,
    "eq": comparison(torch.eq),
    "ge": comparison(torch.ge),
    "gt": comparison(torch.gt),
    "le": comparison(torch.le),
    "lt": comparison(torch.lt),
    "mul": multiply,
    "ne": comparison(torch.ne),
    "neg": negative,
    "pow": raise_to,
    "sub": subtract,
    "where": where,
    "__rdiv__": lambda a, b: divide(b, a),
    "__rpow__": lambda a, b: raise_to(b, a),
    "__rsub__": lambda a, b: subtract(b, a),
    "rsub": lambda a, b: subtract(b, a),
}
"""Rules for scalar fields, by the name of the torch operation."""
