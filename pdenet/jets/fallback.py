"""Differentiation by nested ``torch.func.jvp``: for whatever has no rule.

A partial derivative of order k of f(p), with p a truncated series, is the derivative by
:math:`s_1, \\dots, s_k` at zero of f at the polynomial
:math:`\\sum_{S} p_S \\prod_{j \\in S} s_j`, whose coefficients are the partial derivatives of p by
the coordinates in S. Forward mode, once for each s, yields it exactly for any f that acts on each
point for itself.
"""

import inspect
import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from pdenet.jets.algebra import Term, add, scale, times, with_derived
from pdenet.jets.index import Index, canonical
from pdenet.jets.layout import Layout
from pdenet.jets.rules import is_jet

if TYPE_CHECKING:
    from pdenet.jets.jet import Jet


class SlowDerivativeWarning(UserWarning):
    """An operation or a module has no rule, so its derivatives are nested and slow."""


def run_by_jvp(func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """An operation without a rule, applied to jets.

    Args:
        func: The operation; it must act on each point for itself.
        args: Its arguments, some of which are jets.
        kwargs: Its keyword arguments.

    Returns:
        A jet, or a tuple of jets; for values without derivatives (integers, flags), those.
    """
    flat, tree = pytree.tree_flatten((list(args), dict(kwargs)), is_leaf=is_jet)
    jets = [leaf for leaf in flat if is_jet(leaf)]
    layout = jets[0].layout
    series = [with_derived(layout, jet.parts) for jet in jets]
    if not torch.compiler.is_compiling():
        _warn(func.__name__, _nearest_module())

    def call(values: Sequence[Any]) -> Any:
        rest = iter(values)
        leaves = [next(rest) if is_jet(leaf) else leaf for leaf in flat]
        positional, named = pytree.tree_unflatten(leaves, tree)
        return func(*positional, **named)

    value = call([jet.value for jet in jets])
    if isinstance(value, tuple | list):
        return tuple(
            jets[0].like(_channels(lambda v, i=i: call(v)[i], layout, series))
            for i in range(len(value))
        )
    if not isinstance(value, Tensor) or not value.is_floating_point():
        return value
    return jets[0].like(_channels(call, layout, series))


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
    module(x)  # raises what is wrong with the module itself
    if not torch.compiler.is_compiling():
        _warn(f"{type(refusal).__name__}: {refusal}", type(module).__name__)
    unit = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    parts: dict[Index, Term] = {(): x, **{(i,): unit[i] for i in range(x.shape[1])}}
    series = tuple(parts.get(index, 0.0) for index in layout.positions)
    return _channels(lambda values: module(values[0]), layout, [series])


def _channels(
    call: Callable[[Sequence[Any]], Tensor], layout: Layout, series: Sequence[Sequence[Term]]
) -> list[Tensor]:
    return [_channel(call, layout, series, index) for index in layout.channels]


def _channel(
    call: Callable[[Sequence[Any]], Tensor],
    layout: Layout,
    series: Sequence[Sequence[Term]],
    index: Index,
) -> Tensor:
    total: Term = 0.0
    for coefficients in _polynomials(index):
        located = {subset: layout.positions[part] for subset, part in coefficients.items()}
        total = add(total, _mixed_derivative(call, series, located))
    assert isinstance(total, Tensor)
    return total


def _polynomials(index: Index) -> Iterator[dict[tuple[int, ...], Index]]:
    """Coefficients of the polynomials in s whose mixed derivatives add up to an operator.

    A Laplacian is two variables and a sum over its axes. Terms in which both meet in one
    coefficient need only the coefficient's Laplacian, so it is counted once, with the first axis.
    """
    laplacians = [factor for factor in index if not isinstance(factor, int)]
    singles = [factor for factor in index if isinstance(factor, int)]
    for axes in itertools.product(*laplacians):
        factors = [*singles, *(axis for axis in axes for _ in range(2))]
        coefficients: dict[tuple[int, ...], Index] = {}
        for size in range(len(factors) + 1):
            for subset in itertools.combinations(range(len(factors)), size):
                part = _coefficient(subset, len(singles), axes, laplacians, factors)
                if part is not None:
                    coefficients[subset] = part
        yield coefficients


def _coefficient(
    subset: tuple[int, ...],
    singles: int,
    axes: tuple[int, ...],
    laplacians: list[tuple[int, ...]],
    factors: list[int],
) -> Index | None:
    parts: list[Any] = [factors[j] for j in subset if j < singles]
    for m, laplacian in enumerate(laplacians):
        slots = [j for j in subset if (j - singles) // 2 == m and j >= singles]
        if len(slots) == 2 and axes[m] != laplacian[0]:
            return None
        parts += [laplacian] if len(slots) == 2 else [axes[m]] * len(slots)
    return canonical(parts)


def _mixed_derivative(
    call: Callable[[Sequence[Any]], Tensor],
    series: Sequence[Sequence[Term]],
    coefficients: dict[tuple[int, ...], int],
) -> Tensor:
    value = series[0][0]
    assert isinstance(value, Tensor)
    zero, one = value.new_zeros(()), value.new_ones(())

    def at(*s: Tensor) -> Tensor:
        return call([_evaluate(parts, coefficients, s) for parts in series])

    function: Callable[..., Tensor] = at
    for _ in range(max(len(subset) for subset in coefficients)):
        function = _by_last(function, zero, one)
    return function()


def _by_last(function: Callable[..., Tensor], zero: Tensor, one: Tensor) -> Callable[..., Tensor]:
    def derivative(*s: Tensor) -> Tensor:
        return torch.func.jvp(lambda last: function(*s, last), (zero,), (one,))[1]

    return derivative


def _evaluate(
    parts: Sequence[Term], coefficients: dict[tuple[int, ...], int], s: tuple[Tensor, ...]
) -> Term:
    total: Term = 0.0
    for subset, c in coefficients.items():
        term = parts[c]
        for j in subset:
            term = times(term, s[j])
        total = add(total, term)
    return total


@cache
def _warn(what: str, module: str) -> None:
    warnings.warn(
        f"{module} has no rule for its derivatives ({what}); they are taken by nested torch.func, "
        "which is exact but slow. Write it in torch functions that pdenet.jets knows "
        "(pdenet.jets.rules.RULES), or expect several times the cost.",
        SlowDerivativeWarning,
        stacklevel=4,
    )


def _nearest_module() -> str:
    frame = inspect.currentframe()
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, nn.Module):
            return type(owner).__name__
        frame = frame.f_back
    return "A function"
