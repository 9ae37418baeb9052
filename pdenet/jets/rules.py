"""How torch operations act on jets: one literal table, one entry an operation.

Operations are found by name, so that ``torch.tanh(u)``, ``u.tanh()`` and ``F.tanh(u)`` share one
entry. A rule takes the operation's own arguments; at least one of them is a jet.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

import torch
from torch import Tensor

from pdenet.jets import algebra
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


def univariate(name: str) -> Rule:
    """Rule of a function of one variable."""
    derivatives_of = UNIVARIATE[name]

    def rule(x: "Jet", *args: float, **kwargs: Any) -> "Jet":
        kwargs.pop("inplace", None)
        derivatives = derivatives_of(x.value, x.layout.order, *args, **kwargs)
        return x.like(algebra.compose(x.layout, x.channels, derivatives))

    return rule


def add(a: Any, b: Any, *, alpha: float = 1) -> "Jet":
    """Sum of jets, tensors and numbers."""
    if alpha != 1:
        b = multiply(b, alpha)
    if not is_jet(a):
        a, b = b, a
    if not is_jet(b):
        return a.like(_shifted(a.channels, _constant(b, a)))
    f, g = _aligned(a, b)
    if len(f) == len(g):
        return a.like(f + g)
    longer, shorter = (f, g) if len(f) > len(g) else (g, f)
    c = len(shorter)
    return a.like(torch.cat([longer[:c] + shorter, _expanded(longer[c:], shorter)]))


def _shifted(channels: Tensor, constant: Any) -> Tensor:
    value = channels[:1] + constant
    if len(channels) == 1:
        return value
    return torch.cat([value, _expanded(channels[1:], value)])


def _expanded(rest: Tensor, value: Tensor) -> Tensor:
    shape = torch.broadcast_shapes(rest.shape[1:], value.shape[1:])
    return rest.expand(len(rest), *shape)


def subtract(a: Any, b: Any, *, alpha: float = 1) -> "Jet":
    """Difference of jets, tensors and numbers."""
    return add(a, multiply(b, -alpha))


def negative(a: "Jet") -> "Jet":
    """Minus a jet."""
    return a.like(-a.channels)


def multiply(a: Any, b: Any) -> Any:
    """Product of jets, tensors and numbers."""
    if not is_jet(a):
        a, b = b, a
    if not is_jet(a):
        return a * b
    if not is_jet(b):
        constant = _constant(b, a)
        return a.like(_raised(a.channels, constant) * constant)
    f, g = _aligned(a, b)
    return a.like(algebra.bilinear(a.layout, f, g))


def divide(a: Any, b: Any, *, rounding_mode: None = None) -> "Jet":
    """Quotient of jets, tensors and numbers."""
    if rounding_mode is not None:
        raise ValueError(
            f"Division of a jet with rounding_mode={rounding_mode!r} has no derivative. "
            "Divide without rounding."
        )
    if not is_jet(b):
        constant = _constant(b, a)
        channels = _raised(a.channels, constant) if isinstance(constant, Tensor) else a.channels
        return a.like(channels / constant)
    return multiply(a, RULES["reciprocal"](b))


def pow_(a: Any, b: Any) -> "Jet":
    """Power: jet to a number, number to a jet, jet to a jet or tensor."""
    if is_jet(a) and not isinstance(b, Tensor) and not is_jet(b):
        if b == 0:
            return a.like(torch.ones_like(a.channels[:1]))
        if b == 2:
            return multiply(a, a)
        derivatives = power(a.value, a.layout.order, float(b))
        return a.like(algebra.compose(a.layout, a.channels, derivatives))
    logarithm = RULES["log"](a) if is_jet(a) else torch.log(torch.as_tensor(a))
    return RULES["exp"](multiply(b, logarithm))


def linear(x: "Jet", weight: Tensor, bias: Tensor | None = None) -> "Jet":
    """Affine layer: the weight acts on all channels in one product, the bias on the value."""
    product = torch.matmul(x.channels, weight.t())
    return x.like(product if bias is None else _shifted(product, bias))


def matmul(a: Any, b: Any) -> "Jet":
    """Matrix product over trailing axes."""
    if is_jet(a) and is_jet(b):
        return a.like(algebra.bilinear(a.layout, a.channels, b.channels, torch.matmul))
    if is_jet(a):
        return a.like(torch.matmul(a.channels, b))
    return b.like(torch.matmul(a, b.channels))


def cat(tensors: Sequence[Any], dim: int = 0, *, axis: int | None = None) -> "Jet":
    """Concatenation along a trailing axis."""
    channels, like = _common(tensors)
    dim = _trailing(dim if axis is None else axis, like.dim())
    return like.like(torch.cat(channels, dim))


def stack(tensors: Sequence[Any], dim: int = 0) -> "Jet":
    """Stack along a new trailing axis."""
    channels, like = _common(tensors)
    return like.like(torch.stack(channels, _trailing(dim, like.dim() + 1)))


def _common(tensors: Sequence[Any]) -> "tuple[list[Tensor], Jet]":
    like = next(t for t in tensors if is_jet(t))
    length = max(len(t.channels) for t in tensors if is_jet(t))
    return [_padded(t.channels if is_jet(t) else t[None], length) for t in tensors], like


def _padded(channels: Tensor, length: int) -> Tensor:
    if len(channels) == length:
        return channels
    zeros = channels.new_zeros((length - len(channels), *channels.shape[1:]))
    return torch.cat([channels, zeros])


def reduction(function: Callable[..., Tensor]) -> Rule:
    """Rule of a sum or mean over trailing axes."""

    def rule(x: "Jet", dim: int | Sequence[int] | None = None, keepdim: bool = False) -> "Jet":
        dims = range(1, x.dim()) if dim is None else [dim] if isinstance(dim, int) else dim
        axes = [_trailing(d, x.dim()) for d in dims]
        return x.like(function(x.channels, dim=axes, keepdim=keepdim) if axes else x.channels)

    return rule


def structural(function: Callable[..., Any]) -> Rule:
    """Rule of an operation that only moves entries: the same on every channel."""

    def rule(x: "Jet", *args: Any, **kwargs: Any) -> Any:
        moved = torch.func.vmap(lambda channel: function(channel, *args, **kwargs))(x.channels)
        if isinstance(moved, tuple | list):
            return tuple(x.like(part) for part in moved)
        return x.like(moved)

    return rule


def getitem(x: "Jet", index: Any) -> "Jet":
    """Indexing, as of the values."""
    index = index if isinstance(index, tuple) else (index,)
    return x.like(x.channels[(slice(None), *index)])


def unsqueeze(x: "Jet", dim: int) -> "Jet":
    """A new trailing axis of length one."""
    return x.like(x.channels.unsqueeze(_trailing(dim, x.dim() + 1)))


def where(condition: Any, a: Any, b: Any) -> "Jet":
    """Selection, entry by entry; derivatives hold away from the switch."""
    like = a if is_jet(a) else b
    condition = condition.value if is_jet(condition) else condition
    a, b = (x if is_jet(x) else constant_like(x, like) for x in (a, b))
    length = max(len(a.channels), len(b.channels))
    f, g = _aligned(a, b)
    condition = _raised(condition[None], f[0])[0] if isinstance(condition, Tensor) else condition
    return like.like(torch.where(condition, _padded(f, length), _padded(g, length)))


def constant_like(value: Any, like: "Jet") -> "Jet":
    """A jet whose derivatives vanish."""
    constant = torch.as_tensor(value, dtype=like.dtype, device=like.device)
    return like.like(constant.expand(like.shape)[None])


def comparison(function: Callable[[Any, Any], Tensor]) -> Rule:
    """Rule of a comparison: of the values, with a plain tensor as the result."""

    def rule(a: Any, b: Any) -> Tensor:
        return function(a.value if is_jet(a) else a, b.value if is_jet(b) else b)

    return rule


def softmax(x: "Jet", dim: int, dtype: None = None, **_: Any) -> "Jet":
    """Softmax over a trailing axis."""
    _trailing(dim, x.dim())
    largest = x.value.detach().amax(dim, keepdim=True)
    weights = RULES["exp"](x - largest)
    return weights / weights.sum(dim, keepdim=True)


def gelu(x: "Jet", approximate: str = "none") -> "Jet":
    """Gaussian error linear unit, exact or by tanh."""
    if approximate == "none":
        return univariate("gelu")(x)
    inner = 0.7978845608028654 * (x + 0.044715 * x * x * x)
    return 0.5 * x * (1 + RULES["tanh"](inner))


def _trailing(dim: int, ndim: int) -> int:
    if not -ndim <= dim < ndim:
        raise IndexError(f"Axis {dim} of a jet with {ndim} axes. Use -{ndim} to {ndim - 1}.")
    if dim % ndim == 0:
        raise ValueError(
            "An operation along axis 0 mixes the points, so derivatives at one point would depend "
            "on the others. Work on the trailing axes (dim=-1)."
        )
    return dim % ndim + 1


def _constant(value: Any, like: "Jet") -> Any:
    if isinstance(value, Tensor) and value.dim() > like.dim():
        raise ValueError(
            f"A tensor of shape {tuple(value.shape)} with a jet of shape {tuple(like.shape)}: "
            "the result would not have the points along axis 0. Index or reshape the tensor."
        )
    return value


def _raised(channels: Tensor, other: Tensor | Any) -> Tensor:
    missing = other.dim() - (channels.dim() - 1) if isinstance(other, Tensor) else 0
    if missing <= 0:
        return channels
    return channels.reshape(len(channels), *[1] * missing, *channels.shape[1:])


def _aligned(a: "Jet", b: "Jet") -> tuple[Tensor, Tensor]:
    if a.layout != b.layout:
        raise ValueError(
            f"Jets of layouts {a.layout} and {b.layout} in one operation. "
            "Propagate both with the union of the layouts."
        )
    return _raised(a.channels, b.channels[0]), _raised(b.channels, a.channels[0])


def layer_norm(
    x: "Jet",
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> "Jet":
    """Normalization over the last axes, point by point."""
    dims = [-1 - k for k in range(len(normalized_shape))]
    centred = x - x.mean(dims, keepdim=True)
    variance = (centred * centred).mean(dims, keepdim=True)
    normal = centred * RULES["rsqrt"](variance + eps)
    normal = normal if weight is None else normal * weight
    return normal if bias is None else normal + bias


def dropout(x: "Jet", p: float = 0.5, training: bool = True, inplace: bool = False) -> "Jet":
    """Dropout: one mask for all channels of an entry."""
    if not training or p == 0:
        return x
    return multiply(x, torch.dropout(torch.ones_like(x.value), p, True))


RULES: dict[str, Rule] = {
    **{name: univariate(name) for name in UNIVARIATE},
    "add": add,
    "cat": cat,
    "div": divide,
    "dropout": dropout,
    "eq": comparison(torch.eq),
    "flatten": structural(torch.flatten),
    "ge": comparison(torch.ge),
    "gelu": gelu,
    "getitem": getitem,
    "gt": comparison(torch.gt),
    "layer_norm": layer_norm,
    "le": comparison(torch.le),
    "linear": linear,
    "lt": comparison(torch.lt),
    "matmul": matmul,
    "mean": reduction(torch.mean),
    "mul": multiply,
    "ne": comparison(torch.ne),
    "neg": negative,
    "pow": pow_,
    "reshape": structural(torch.reshape),
    "softmax": softmax,
    "squeeze": structural(torch.squeeze),
    "stack": stack,
    "sub": subtract,
    "sum": reduction(torch.sum),
    "transpose": structural(torch.transpose),
    "unsqueeze": unsqueeze,
    "where": where,
}
"""The rules, by the name of the torch operation."""

ALIASES: dict[str, str] = {
    "arctan": "atan",
    "concat": "cat",
    "concatenate": "cat",
    "divide": "div",
    "multiply": "mul",
    "negative": "neg",
    "special_expit": "sigmoid",
    "subtract": "sub",
    "true_divide": "div",
    "view": "reshape",
}
"""Other names of the same operations."""


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


REVERSED: dict[str, str] = {
    "__rdiv__": "div",
    "__rmatmul__": "matmul",
    "__rpow__": "pow",
    "__rsub__": "sub",
    "rsub": "sub",
}
"""Operations whose arguments come the other way round."""
