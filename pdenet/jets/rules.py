"""How torch operations act on jets: one literal table, one entry an operation.

Operations are found by name, so that ``torch.tanh(u)``, ``u.tanh()`` and ``F.tanh(u)`` share one
entry. A rule takes the operation's own arguments, at least one of which is a jet. Axis 0 is the
axis of the points; no rule mixes them.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from pdenet.jets import algebra, fused
from pdenet.jets.algebra import Parts, Term
from pdenet.jets.layout import Layout
from pdenet.jets.univariate import UNIVARIATE, power

if TYPE_CHECKING:
    from pdenet.jets.jet import Jet

Rule = Callable[..., Any]


def is_jet(value: object) -> "TypeGuard[Jet]":
    """Whether a value is a jet.

    Args:
        value: Any operand of a torch operation.

    Returns:
        True for jets.
    """
    return isinstance(getattr(value, "layout", None), Layout)


# --- Functions of one variable -------------------------------------------------------------------


def _univariate(name: str) -> Rule:
    derivatives_of = UNIVARIATE[name]

    def rule(x: "Jet", *args: float, inplace: bool = False, **kwargs: Any) -> "Jet":
        if name in fused.KERNELS and not args and not kwargs:
            return x.like(fused.compose(name, x.layout, x.stacked, x.parts))
        derivatives = derivatives_of(x.value, x.layout.order, *args, **kwargs)
        return x.like(algebra.compose(x.layout, x.parts, derivatives))

    return rule


def _power(a: Any, b: Any) -> "Jet":
    if is_jet(a) and isinstance(b, int | float):
        if b == 0:
            return a.like([torch.ones_like(a.value)])
        if b == 2:
            return _multiply(a, a)
        derivatives = power(a.value, a.layout.order, float(b))
        return a.like(algebra.compose(a.layout, a.parts, derivatives))
    logarithm = RULES["log"](a) if is_jet(a) else torch.log(torch.as_tensor(a))
    return RULES["exp"](_multiply(b, logarithm))


def _gelu(x: "Jet", approximate: str = "none") -> "Jet":
    if approximate == "none":
        return _univariate("gelu")(x)
    inner = 0.7978845608028654 * (x + 0.044715 * x * x * x)
    return 0.5 * x * (1 + RULES["tanh"](inner))


def _softmax(x: "Jet", dim: int, **_: Any) -> "Jet":
    _refuse_points(dim, x)
    # A constant shift, against overflow; the result does not depend on it.
    weights = RULES["exp"](x - x.value.detach().amax(dim, keepdim=True))
    return weights / weights.sum(dim, keepdim=True)


def _layer_norm(
    x: "Jet",
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> "Jet":
    dims = [-1 - k for k in range(len(normalized_shape))]
    centred = x - x.mean(dims, keepdim=True)
    variance = (centred * centred).mean(dims, keepdim=True)
    normal = centred * RULES["rsqrt"](variance + eps)
    normal = normal if weight is None else normal * weight
    return normal if bias is None else normal + bias


# --- Arithmetic ----------------------------------------------------------------------------------


def _add(a: Any, b: Any, *, alpha: float = 1) -> "Jet":
    if alpha != 1:
        b = _multiply(b, alpha)
    if not is_jet(a):
        a, b = b, a
    if not is_jet(b):
        value = a.value + _constant(b, a)
        return a.like([value, *(_widened(part, value) for part in a.parts[1:])])
    _check_pair(a, b)
    if a.stacked is not None and b.stacked is not None:
        return a.like(a.stacked + b.stacked)
    value = a.value + b.value
    sums = (algebra.add(f, g) for f, g in zip(a.parts[1:], b.parts[1:], strict=True))
    return a.like([value, *(_widened(part, value) for part in sums)])


def _subtract(a: Any, b: Any, *, alpha: float = 1) -> "Jet":
    return _add(a, _multiply(b, -alpha))


def _multiply(a: Any, b: Any) -> Any:
    if not is_jet(a):
        a, b = b, a
    if not is_jet(a):
        return a * b
    if is_jet(b):
        _check_pair(a, b)
        return a.like(_leveled(algebra.multiply(a.layout, a.parts, b.parts)))
    constant = _constant(b, a)
    return _each(lambda channel: channel * constant, a)


def _divide(a: Any, b: Any, *, rounding_mode: None = None) -> "Jet":
    if rounding_mode is not None:
        raise ValueError(
            f"Division of a jet with rounding_mode={rounding_mode!r} has no derivative. "
            "Divide without rounding."
        )
    if is_jet(b):
        return _multiply(a, RULES["reciprocal"](b))
    constant = _constant(b, a)
    return _each(lambda channel: channel / constant, a)


def _negative(a: "Jet") -> "Jet":
    return _each(torch.neg, a)


# --- Linear maps ---------------------------------------------------------------------------------


def _linear(x: "Jet", weight: Tensor, bias: Tensor | None = None) -> "Jet":
    if x.stacked is not None:
        return x.like(fused.linear(x.stacked, weight, bias))
    first = F.linear(x.value, weight, bias)
    return x.like([first, *(_linear_part(part, weight) for part in x.parts[1:])])


def _linear_part(part: Term, weight: Tensor) -> Term:
    return F.linear(part, weight) if isinstance(part, Tensor) else 0.0


def _matmul(a: Any, b: Any) -> "Jet":
    if is_jet(a) and is_jet(b):
        return a.like(_leveled(algebra.multiply(a.layout, a.parts, b.parts, torch.matmul)))
    if not is_jet(a) and _is_swapped(a, b):
        a, b = b, a
    if is_jet(a):
        return _each(lambda channel: torch.matmul(channel, b), a)
    return _each(lambda channel: torch.matmul(a, channel), b)


def _is_swapped(a: Tensor, b: "Jet") -> bool:
    # torch.compile hands over ``jet @ tensor`` with its operands swapped and no sign of it (torch
    # 2.13, BuiltinVariable._handle_insert_op_in_graph knows no reflected matmul).
    contracts_points = b.dim() < 3
    if not torch.compiler.is_compiling():
        if contracts_points:
            _refuse_points(0, b)
        return False
    fits_as_it_came = not contracts_points and a.shape[-1] == b.shape[-2]
    fits_swapped = b.shape[-1] == a.shape[max(-2, -a.dim())]
    if fits_as_it_came and fits_swapped:
        raise ValueError(
            f"Matrix product of shapes {tuple(a.shape)} and {tuple(b.shape)}, whose order "
            "torch.compile does not tell. Write it with torch.einsum."
        )
    return fits_swapped


def _einsum(equation: str, *operands: Any) -> "Jet":
    jets = [k for k, operand in enumerate(operands) if is_jet(operand)]
    first, rest = operands[jets[0]], jets[1:]

    def contract(*channels: Tensor) -> Tensor:
        filled = list(operands)
        for k, channel in zip(jets, channels, strict=True):
            filled[k] = channel
        return torch.einsum(equation, *filled)

    if not rest:
        return first.like(_leveled([_of(contract, part) for part in _full(first)]))
    if len(rest) > 1:
        raise NotImplementedError(
            f"einsum of {len(jets)} jets; at most two can be contracted at once. Split it."
        )
    other = operands[rest[0]]
    return first.like(algebra.multiply(first.layout, _full(first), _full(other), contract))


def _of(function: Callable[[Tensor], Tensor], part: Term) -> Term:
    return function(part) if isinstance(part, Tensor) else 0.0


# --- Entries that move ---------------------------------------------------------------------------


def _structural(function: Callable[..., Any]) -> Rule:
    """Rule of an operation that only moves or adds entries: the same on every channel."""

    def rule(x: "Jet", *args: Any, **kwargs: Any) -> Any:
        moved = [function(p, *args, **kwargs) if isinstance(p, Tensor) else 0.0 for p in _full(x)]
        if isinstance(moved[0], tuple | list):
            count = len(moved[0])
            return tuple(
                x.like([0.0 if isinstance(m, float) else m[k] for m in moved]) for k in range(count)
            )
        return x.like(moved)

    return rule


def _getitem(x: "Jet", index: Any) -> "Jet":
    index = index if isinstance(index, tuple) else (index,)
    if index[0] is Ellipsis and sum(_axes_used(entry) for entry in index[1:]) < x.dim():
        return _each(lambda channel: channel[index], x)
    if isinstance(index[0], slice) and index[0] == slice(None):
        if x.stacked is not None:
            return x.like(x.stacked[(slice(None), *index)])
        return x.like([_of(lambda part: part[index], part) for part in x.parts])
    return x.like([_of(lambda part: part[index], part) for part in _full(x)])


def _axes_used(entry: Any) -> int:
    if isinstance(entry, Tensor) and entry.dtype == torch.bool:
        return entry.dim()
    return 0 if entry is None else 1


def _reduction(function: Callable[..., Tensor]) -> Rule:
    def rule(x: "Jet", dim: int | Sequence[int] | None = None, keepdim: bool = False) -> "Jet":
        dims = range(1, x.dim()) if dim is None else [dim] if isinstance(dim, int) else dim
        for d in dims:
            _refuse_points(d, x)
        axes = [d - x.dim() if d >= 0 else d for d in dims]
        return _each(lambda channel: function(channel, dim=axes, keepdim=keepdim), x)

    return rule


def _joined(function: Callable[..., Tensor], new_axes: int) -> Rule:
    def rule(tensors: Sequence[Any], dim: int = 0, *, axis: int | None = None) -> "Jet":
        first = next(t for t in tensors if is_jet(t))
        dim = dim if axis is None else axis
        _refuse_points(dim, first, new_axes)
        series = [_full(t) if is_jet(t) else (t, *[0.0] * (len(first.layout) - 1)) for t in tensors]
        return first.like(
            [_join(function, dim, parts, series) for parts in zip(*series, strict=True)]
        )

    return rule


def _join(
    function: Callable[..., Tensor], dim: int, parts: tuple[Term, ...], series: Sequence[Parts]
) -> Term:
    if all(algebra.is_zero(part) for part in parts):
        return 0.0
    filled = [
        part if isinstance(part, Tensor) else torch.zeros_like(parts_of[0])
        for part, parts_of in zip(parts, series, strict=True)
    ]
    return function(filled, dim)


def _where(condition: Any, a: Any, b: Any) -> "Jet":
    like = a if is_jet(a) else b
    condition = condition.value if is_jet(condition) else condition
    f, g = (x.parts if is_jet(x) else (x, *[0.0] * (len(like.layout) - 1)) for x in (a, b))
    return like.like(
        _leveled(
            [
                0.0
                if algebra.is_zero(p) and algebra.is_zero(q) and c
                else torch.where(condition, p, q)
                for c, (p, q) in enumerate(zip(f, g, strict=True))
            ]
        )
    )


def _comparison(function: Callable[[Any, Any], Tensor]) -> Rule:
    """Rule of a comparison: of the values, with a plain tensor as the result."""
    return lambda a, b: function(a.value if is_jet(a) else a, b.value if is_jet(b) else b)


def _dropout(x: "Jet", p: float = 0.5, training: bool = True, inplace: bool = False) -> "Jet":
    if not training or p == 0:
        return x
    return _multiply(x, torch.dropout(torch.ones_like(x.value), p, True))


def _like_value(function: Callable[..., Tensor]) -> Rule:
    return lambda x, *args, **kwargs: function(x.value, *args, **kwargs)


# --- Shapes --------------------------------------------------------------------------------------


def _each(function: Callable[[Tensor], Tensor], x: "Jet") -> "Jet":
    """Apply a linear function of trailing axes to every channel, at once where they are stacked."""
    if x.stacked is not None:
        return x.like(function(x.stacked))
    return x.like(_leveled([_of(function, part) for part in x.parts]))


def _leveled(parts: Sequence[Term]) -> list[Term]:
    value = parts[0]
    assert isinstance(value, Tensor)
    return [value, *(_widened(part, value) for part in parts[1:])]


def _widened(part: Term, value: Tensor) -> Term:
    """Expand a part's trailing axes to the value's, where broadcasting has widened that."""
    if not isinstance(part, Tensor) or part.shape[1:] == value.shape[1:]:
        return part
    return part.expand(part.shape[0], *value.shape[1:])


def _full(x: "Jet") -> Parts:
    """Parts with the axis of the points written out."""
    shape = x.shape
    return tuple(p.expand(shape) if isinstance(p, Tensor) else p for p in x.parts)


def _refuse_points(dim: int, x: "Jet", new_axes: int = 0) -> None:
    if dim % (x.dim() + new_axes) == 0:
        raise ValueError(
            f"An operation along axis {dim} of a jet of shape {tuple(x.shape)} mixes the points, "
            "so that derivatives at one point would depend on the others. Work on the trailing "
            "axes (dim=-1)."
        )


def _constant(value: Any, like: "Jet") -> Any:
    if isinstance(value, Tensor) and value.dim() > like.dim():
        raise ValueError(
            f"A tensor of shape {tuple(value.shape)} with a jet of shape {tuple(like.shape)}: "
            "the result would not have the points along axis 0. Index or reshape the tensor."
        )
    return value


def _check_pair(a: "Jet", b: "Jet") -> None:
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


RULES: dict[str, Rule] = {
    **{name: _univariate(name) for name in UNIVARIATE},
    "add": _add,
    "cat": _joined(torch.cat, 0),
    "chunk": _structural(torch.chunk),
    "div": _divide,
    "dropout": _dropout,
    "einsum": _einsum,
    "eq": _comparison(torch.eq),
    "expand": _structural(Tensor.expand),
    "flatten": _structural(torch.flatten),
    "ge": _comparison(torch.ge),
    "gelu": _gelu,
    "getitem": _getitem,
    "gt": _comparison(torch.gt),
    "layer_norm": _layer_norm,
    "le": _comparison(torch.le),
    "linear": _linear,
    "lt": _comparison(torch.lt),
    "matmul": _matmul,
    "mean": _reduction(torch.mean),
    "mul": _multiply,
    "ne": _comparison(torch.ne),
    "neg": _negative,
    "ones_like": _like_value(torch.ones_like),
    "permute": _structural(Tensor.permute),
    "pow": _power,
    "repeat": _structural(Tensor.repeat),
    "reshape": _structural(Tensor.reshape),
    "softmax": _softmax,
    "split": _structural(torch.split),
    "squeeze": _structural(torch.squeeze),
    "stack": _joined(torch.stack, 1),
    "sub": _subtract,
    "sum": _reduction(torch.sum),
    "transpose": _structural(torch.transpose),
    "unbind": _structural(torch.unbind),
    "unsqueeze": _structural(torch.unsqueeze),
    "where": _where,
    "zeros_like": _like_value(torch.zeros_like),
}
"""The rules, by the name of the torch operation."""

ALIASES: dict[str, str] = {
    "arctan": "atan",
    "concat": "cat",
    "concatenate": "cat",
    "divide": "div",
    "multiply": "mul",
    "negative": "neg",
    "special_erf": "erf",
    "special_expit": "sigmoid",
    "subtract": "sub",
    "true_divide": "div",
    "view": "reshape",
}
"""Other names of the same operations."""

REVERSED: dict[str, str] = {
    "__rdiv__": "div",
    "__rmatmul__": "matmul",
    "__rpow__": "pow",
    "__rsub__": "sub",
    "rsub": "sub",
}
"""Operations whose arguments come the other way round."""


def rule_for(name: str) -> Rule | None:
    """Look a rule up.

    Args:
        name: Name of a torch operation.

    Returns:
        Its rule, or None where there is none.
    """
    name = ALIASES.get(name, name)
    if name in REVERSED:
        forward = RULES[REVERSED[name]]
        return lambda a, b: forward(b, a)
    return RULES.get(name)
