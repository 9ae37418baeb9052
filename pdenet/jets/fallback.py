"""Jets through what has no rule: single operations, and modules that refuse jets altogether."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from pdenet.jets.algebra import Term, with_derived
from pdenet.jets.index import Index
from pdenet.jets.layout import Layout
from pdenet.jets.nested import derivative, warn_slow
from pdenet.jets.rules.shapes import is_jet

if TYPE_CHECKING:
    from pdenet.jets.jet import Jet


WRITING = frozenset(n for n in dir(Tensor) if n.endswith("_") and not n.startswith("_"))
"""Operations that write into their argument."""


def run_without_rule(func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """An operation without a rule, applied to jets.

    Args:
        func: The operation; it must act on each point for itself.
        args: Its arguments, some of which are jets.
        kwargs: Its keyword arguments.

    Returns:
        A jet, or a tuple of jets; of integers and flags, which have no derivatives, the values.

    Raises:
        TypeError: The operation writes into its argument, or returns no tensor.
    """
    name = func.__name__
    if name in WRITING:
        raise TypeError(f"{name} writes into a jet. Use {name[:-1]}, which returns a new one.")
    leaves, tree = pytree.tree_flatten((list(args), kwargs), is_leaf=is_jet)
    jets = [leaf for leaf in leaves if is_jet(leaf)]

    def call(values: Sequence[Any]) -> Any:
        rest = iter(values)
        filled = [next(rest) if is_jet(leaf) else leaf for leaf in leaves]
        positional, named = pytree.tree_unflatten(filled, tree)
        return func(*positional, **named)

    value = call([jet.value for jet in jets])
    if isinstance(value, Tensor | int) and not _is_real(value):
        return value
    warn_slow(name)
    if _is_real(value):
        return _differentiated(call, jets)
    if isinstance(value, tuple | list) and all(_is_real(v) for v in value):
        return tuple(_differentiated(lambda v, i=i: call(v)[i], jets) for i in range(len(value)))
    raise TypeError(f"{name} of a jet returned {type(value).__name__}, which has no derivatives.")


def _is_real(value: object) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _differentiated(call: Callable[[Sequence[Any]], Tensor], jets: "Sequence[Jet]") -> "Jet":
    layout = jets[0].layout
    arguments = [_by_index(layout, with_derived(layout, jet.parts)) for jet in jets]
    return jets[0].like([derivative(call, arguments, index) for index in layout.channels])


def _by_index(layout: Layout, parts: Sequence[Term]) -> Callable[[Index], Term]:
    return lambda index: parts[layout.positions[index]]


def differentiate_module(
    module: Callable[[Any], Any], x: Tensor, layout: Layout, refusal: Exception
) -> list[Tensor]:
    """Partial derivatives of a module that cannot run on jets.

    Args:
        module: Maps (n, d) to (n, m).
        x: Points, shape (n, d).
        layout: Derivatives wanted.
        refusal: What it raised when it was given a jet.

    Returns:
        One tensor a channel.
    """
    module(x)  # where the module itself is wrong, this says so better
    warn_slow(f"{type(refusal).__name__}: {refusal}", type(module).__name__)
    unit = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)

    def coordinate(index: Index) -> Term:
        match index:
            case ():
                return x
            case (int() as i,):
                return unit[i]
        return 0.0

    def call(values: Sequence[Any]) -> Tensor:
        return module(values[0])

    return [derivative(call, [coordinate], index) for index in layout.channels]
