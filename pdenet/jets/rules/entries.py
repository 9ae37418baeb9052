"""Operations that move, join or add entries: the same on every channel."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pdenet.jets import algebra
from pdenet.jets.algebra import Parts, Term
from pdenet.jets.rules.shapes import each, is_jet, of, parts_of, refuse_points, spread, value_of

if TYPE_CHECKING:
    from pdenet.jets.jet import Jet


def structural(function: Callable[..., Any]) -> Callable[..., Any]:
    """Rule of an operation that only moves entries."""

    def rule(x: "Jet", *args: Any, **kwargs: Any) -> Any:
        parts = spread(x)
        moved: list[Any] = [of(lambda p: function(p, *args, **kwargs), part) for part in parts]
        if isinstance(moved[0], Tensor):
            return x.like(moved)
        pieces = range(len(moved[0]))
        return tuple(x.like([m if algebra.is_zero(m) else m[k] for m in moved]) for k in pieces)

    return rule


def getitem(x: "Jet", index: Any) -> "Jet":
    """Indexing, as of the values."""
    index = index if isinstance(index, tuple) else (index,)
    if _leaves_points(index, x.dim()):
        return each(lambda channel: channel[(..., *index[1:])], x)
    return x.like([of(lambda part: part[index], part) for part in spread(x)])


def _leaves_points(index: tuple[Any, ...], ndim: int) -> bool:
    """Whether an index is the same with one more axis in front, and keeps the points apart."""
    used = sum(_axes(entry) for entry in index[1:])
    if index[0] is Ellipsis:
        return used < ndim
    return isinstance(index[0], slice) and index[0] == slice(None) and used == ndim - 1


def _axes(entry: Any) -> int:
    if isinstance(entry, Tensor) and entry.dtype == torch.bool:
        return entry.dim()
    return 0 if entry is None else 1


def reduction(function: Callable[..., Tensor]) -> Callable[..., "Jet"]:
    """Rule of a sum or mean over trailing axes."""

    def rule(x: "Jet", dim: int | Sequence[int] | None = None, keepdim: bool = False) -> "Jet":
        dims = list(range(x.dim())) if dim is None else [dim] if isinstance(dim, int) else dim
        for d in dims:
            refuse_points(d, x)
        axes = [d - x.dim() if d >= 0 else d for d in dims]
        return each(lambda channel: function(channel, dim=axes, keepdim=keepdim), x)

    return rule


def join(function: Callable[..., Tensor], new_axes: int) -> Callable[..., "Jet"]:
    """Rule of a concatenation or stack along a trailing axis."""

    def rule(tensors: Sequence[Any], dim: int = 0, *, axis: int | None = None) -> "Jet":
        like = next(t for t in tensors if is_jet(t))
        dim = dim if axis is None else axis
        refuse_points(dim, like, new_axes)
        series = [spread(t) if is_jet(t) else parts_of(t, like) for t in tensors]
        values = [value_of(t) for t in tensors]
        channels = zip(*series, strict=True)
        return like.like([_joined(function, dim, parts, values) for parts in channels])

    return rule


def _joined(
    function: Callable[..., Tensor], dim: int, parts: Parts, values: Sequence[Tensor]
) -> Term:
    if all(algebra.is_zero(part) for part in parts):
        return 0.0
    pairs = zip(parts, values, strict=True)
    return function([p if isinstance(p, Tensor) else torch.zeros_like(v) for p, v in pairs], dim)


def of_value(function: Callable[..., Any]) -> Callable[..., Any]:
    """Rule of an operation whose result does not depend on the entries, or not smoothly."""
    return lambda x, *args, **kwargs: function(x.value, *args, **kwargs)


def detach(x: "Jet") -> "Jet":
    """A constant: autograd's detach holds for the coordinates too."""
    return x.like([x.value.detach()])
