r"""Derivatives by nested ``torch.func.jvp``: slow, exact, and good for whatever has no rule.

A partial derivative of order k of f(p), with p a truncated series, is the derivative by
:math:`s_1, \dots, s_k` at zero of f at the polynomial
:math:`\sum_{S \subseteq \{1..k\}} p_S \prod_{j \in S} s_j`, whose coefficients are the partial
derivatives of p by the coordinates in S. Forward mode, once for each s, yields it for any f that
acts on each point for itself.
"""

import inspect
import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import torch
from torch import Tensor, nn

from pdenet.jets.algebra import Term, add, times
from pdenet.jets.index import Factor, Index, canonical, order

Coefficients = dict[tuple[int, ...], Index]
"""For each subset of the variables s, the partial derivative that is its coefficient."""

Function = Callable[[Sequence[Term]], Tensor]


class SlowDerivativeWarning(UserWarning):
    """An operation or a module has no rule, so its derivatives are nested and slow."""


def derivative(
    function: Function, arguments: Sequence[Callable[[Index], Term]], index: Index
) -> Tensor:
    """One partial derivative of a function of series.

    Args:
        function: Takes the values of the arguments.
        arguments: For each argument, its partial derivatives by index.
        index: The operator.

    Returns:
        What the operator makes of the function's value.
    """
    total: Term = 0.0
    for coefficients in _polynomials(index):
        terms = [{s: argument(part) for s, part in coefficients.items()} for argument in arguments]
        total = add(total, _mixed_derivative(function, terms, order(index)))
    assert isinstance(total, Tensor)
    return total


def _polynomials(index: Index) -> Iterator[Coefficients]:
    """Polynomials in s whose mixed derivatives add up to an operator.

    A Laplacian is two variables and a sum over its axes. Terms in which both meet in one
    coefficient need only the coefficient's Laplacian, which is counted once, with the first axis.
    """
    laplacians = [factor for factor in index if not isinstance(factor, int)]
    singles = [factor for factor in index if isinstance(factor, int)]
    for axes in itertools.product(*laplacians):
        variables = range(len(singles) + 2 * len(axes))
        subsets = itertools.chain.from_iterable(
            itertools.combinations(variables, size) for size in range(len(variables) + 1)
        )
        coefficients = ((s, _coefficient(s, singles, laplacians, axes)) for s in subsets)
        yield {s: part for s, part in coefficients if part is not None}


def _coefficient(
    subset: tuple[int, ...],
    singles: list[int],
    laplacians: list[tuple[int, ...]],
    axes: tuple[int, ...],
) -> Index | None:
    factors: list[Factor] = [singles[j] for j in subset if j < len(singles)]
    for m, (laplacian, axis) in enumerate(zip(laplacians, axes, strict=True)):
        first = len(singles) + 2 * m
        met = sum(j in subset for j in (first, first + 1))
        if met == 2 and axis != laplacian[0]:
            return None
        factors += [laplacian] if met == 2 else [axis] * met
    return canonical(factors)


def _mixed_derivative(
    function: Function, arguments: Sequence[dict[tuple[int, ...], Term]], variables: int
) -> Tensor:
    value = next(a[()] for a in arguments if isinstance(a[()], Tensor))
    assert isinstance(value, Tensor)
    zero, one = value.new_zeros(()), value.new_ones(())

    def at(*s: Tensor) -> Tensor:
        return function([_evaluate(argument, s) for argument in arguments])

    nested: Callable[..., Tensor] = at
    for _ in range(variables):
        nested = _by_last(nested, zero, one)
    return nested()


def _by_last(function: Callable[..., Tensor], zero: Tensor, one: Tensor) -> Callable[..., Tensor]:
    def slope(*s: Tensor) -> Tensor:
        return torch.func.jvp(lambda last: function(*s, last), (zero,), (one,))[1]

    return slope


def _evaluate(coefficients: dict[tuple[int, ...], Term], s: tuple[Tensor, ...]) -> Term:
    total: Term = 0.0
    for subset, term in coefficients.items():
        for j in subset:
            term = times(term, s[j])
        total = add(total, term)
    return total


def warn_slow(what: str, module: str | None = None) -> None:
    """Warn, once for each cause, that derivatives will be slow.

    Args:
        what: The operation, or why a module was refused.
        module: The module's name; the innermost that is running, where None.
    """
    # A compiler cannot look at the stack, and has seen this warning in the run before.
    if not torch.compiler.is_compiling():
        _warn(what, module or _running_module())


@cache
def _warn(what: str, module: str) -> None:
    warnings.warn(
        f"{module} has no rule for its derivatives ({what}), so they are taken by nested "
        "torch.func.jvp: exact, but several times slower. Operations that have rules are the keys "
        "of pdenet.jets.rules.RULES.",
        SlowDerivativeWarning,
        stacklevel=5,
    )


def _running_module() -> str:
    frame = inspect.currentframe()
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, nn.Module):
            return type(owner).__name__
        frame = frame.f_back
    return "A function"
