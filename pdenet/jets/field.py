"""Fields: what a residual is written in."""

import difflib
import operator
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor

from pdenet.jets.builders import BUILDERS
from pdenet.jets.composites import COMPOSITES
from pdenet.jets.expression import Derivative, Expression, Operand, Unruled
from pdenet.jets.frame import Frame
from pdenet.jets.index import Factor, Index, canonical
from pdenet.jets.nested import warn_slow
from pdenet.jets.rules import ALIASES, REVERSED
from pdenet.jets.vector import Vector

OWN_NAMES = ("d", "device", "dtype", "expression", "frame", "identity", "partial", "shape", "value")
"""Attributes of a field that coordinates cannot be called."""

COMPARISONS = ("eq", "ge", "gt", "le", "lt", "ne", "isfinite", "isnan", "ones_like", "zeros_like")


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
        return self.frame.values(self.expression)

    @property
    def shape(self) -> torch.Size:
        """Shape (n,)."""
        return torch.Size((self.frame.size,))

    @property
    def dtype(self) -> torch.dtype:
        """Type of the values."""
        return self.frame.dtype

    @property
    def device(self) -> torch.device:
        """Where the values live."""
        return self.frame.device

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

    def d(self, *names: str) -> "Scalar":
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

    def __len__(self) -> int:
        # torch.as_tensor and torch.tensor see no more of an object than this.
        raise TypeError(
            "A field is neither a sequence nor a tensor, and cannot be made one by torch.as_tensor "
            "or torch.tensor. Give it to torch functions as it is."
        )

    def __bool__(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        # Refuse before touching own state: an attribute that is missing while the object is being
        # built, copied or traced would otherwise be looked up without end.
        if name.startswith("_") or name in OWN_NAMES:
            raise AttributeError(name)
        coordinates = self.frame.coordinates
        if all(letter in coordinates for letter in name):
            return self.d(*name)
        function = getattr(torch.Tensor, name, None)
        # One letter, such as Tensor.t, means a coordinate that is not there.
        if callable(function) and len(name) > 1:
            return partial(apply, function, name, self)
        raise AttributeError(_unknown_partial(name, coordinates))

    def __repr__(self) -> str:
        return f"Field(coordinates={self.frame.coordinates}, points={self.frame.size})"

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        return apply(func, func.__name__, *args, **(kwargs or {}))

    def __add__(self, other: Any) -> Any:
        return _binary(operator.add, "add", self, other)

    def __radd__(self, other: Any) -> Any:
        return _binary(operator.add, "add", other, self)

    def __sub__(self, other: Any) -> Any:
        return _binary(operator.sub, "sub", self, other)

    def __rsub__(self, other: Any) -> Any:
        return _binary(operator.sub, "sub", other, self)

    def __mul__(self, other: Any) -> Any:
        return _binary(operator.mul, "mul", self, other)

    def __rmul__(self, other: Any) -> Any:
        return _binary(operator.mul, "mul", other, self)

    def __truediv__(self, other: Any) -> Any:
        return _binary(operator.truediv, "div", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _binary(operator.truediv, "div", other, self)

    def __pow__(self, other: Any) -> Any:
        return _binary(operator.pow, "pow", self, other)

    def __rpow__(self, other: Any) -> Any:
        return _binary(operator.pow, "pow", other, self)

    def __neg__(self) -> Any:
        return apply(operator.neg, "neg", self)

    def __pos__(self) -> "Field":
        return self

    def __abs__(self) -> Any:
        return apply(operator.abs, "abs", self)

    def __gt__(self, other: Any) -> Tensor:
        return apply(torch.gt, "gt", self, other)

    def __ge__(self, other: Any) -> Tensor:
        return apply(torch.ge, "ge", self, other)

    def __lt__(self, other: Any) -> Tensor:
        return apply(torch.lt, "lt", self, other)

    def __le__(self, other: Any) -> Tensor:
        return apply(torch.le, "le", self, other)


Scalar: TypeAlias = Field | Tensor
"""A scalar at n points: a Field where it is differentiated further, else a tensor (n,)."""


def differentiate(field: Any, index: Sequence[Factor]) -> Scalar:
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
    frame = field.frame
    frame.note_differentiated(field.identity)
    base, operator_ = field, canonical(index)
    # Derivatives of a derivative are derivatives of what it came from: u.x.x is u.xx.
    if isinstance(field.expression, Derivative) and isinstance(field.expression.base, Field):
        base = field.expression.base
        operator_ = canonical(field.expression.index + operator_)
    return make(frame, ("d", base.identity, operator_), Derivative(base, operator_))


def make(frame: Frame, key: tuple[Any, ...], expression: Expression) -> Scalar:
    """An expression as a Field where it is differentiated further, as a plain tensor elsewhere.

    Args:
        frame: What the fields of this evaluation share.
        key: How the expression is formed: operation and numbers of its operands.
        expression: The expression.

    Returns:
        A Field or a tensor (n,).
    """
    identity = frame.identify(key)
    if frame.open:
        expression.partial(())  # asks for what the value needs; a field is lazy otherwise
    return frame.values(expression) if identity is None else Field(frame, expression, identity)


def apply(func: Callable[..., Any], name: str, *args: Any, **kwargs: Any) -> Any:
    """An operation on fields.

    Args:
        func: The operation.
        name: Its name.
        *args: Operands, at least one of which is a field.
        **kwargs: Options.

    Returns:
        A Field where the result is differentiated further, else what the operation makes of the
        values.
    """
    name = ALIASES.get(name, name)
    if name in REVERSED:
        args, name = args[::-1], REVERSED[name]
        func = getattr(torch, name)
    if name in COMPARISONS:
        return func(*map(values_of, args), **kwargs)
    if name in COMPOSITES:
        return COMPOSITES[name](*args, **kwargs)
    frame = next(a.frame for a in args if isinstance(a, Field))
    key = (name, *(a.identity if isinstance(a, Field) else None for a in args))
    identity = frame.identify(key)
    if identity is None:  # nothing more is differentiated: a plain operation on plain tensors
        return func(*map(values_of, args), **kwargs)
    return make(frame, key, _build(func, name, [_checked(a, frame) for a in args], kwargs))


def _binary(func: Callable[[Any, Any], Any], name: str, a: Any, b: Any) -> Any:
    if isinstance(a, Vector) or isinstance(b, Vector):
        return NotImplemented
    return apply(func, name, a, b)


def _build(
    func: Callable[..., Any], name: str, args: Sequence[Any], kwargs: dict[str, Any]
) -> Expression:
    if name in BUILDERS:
        return BUILDERS[name](*args, **kwargs)
    warn_slow(name)
    return Unruled(lambda values: func(*values, **kwargs), args)


def values_of(operand: Any) -> Any:
    """Values of a field, as a plain tensor; anything else as it is.

    Args:
        operand: Anything.

    Returns:
        Shape (n,) for a field.
    """
    return operand.value if isinstance(operand, Field) else operand


def _checked(operand: Any, frame: Frame) -> Operand:
    if isinstance(operand, Field | float | int):
        return operand
    if isinstance(operand, Vector):
        raise TypeError("A scalar field met a vector field. Work on components, or use dot.")
    constant = torch.as_tensor(operand)
    if constant.shape not in ((), (frame.size,)):
        column = constant.dim() == 2 and constant.shape[1] == 1
        raise ValueError(
            f"A field has shape ({frame.size},), one value a point, and met a tensor of shape "
            f"{tuple(constant.shape)}, which would broadcast to something else. "
            + ("Write tensor[:, 0]." if column else "Give one value a point, or a single number.")
        )
    return constant


def _unknown_partial(name: str, coordinates: Sequence[str]) -> str:
    letters = dict.fromkeys(letter for letter in name if letter not in coordinates)
    unknown = " or ".join(map(repr, letters))
    close = difflib.get_close_matches(name, coordinates, n=1, cutoff=0.5)
    likely = f" Did you mean .{close[0]}?" if close else ""
    return (
        f"{name!r} is no partial derivative: there is no coordinate {unknown} among "
        f'{tuple(coordinates)}.{likely} Coordinates with long names go by u.d("name", ...).'
    )
