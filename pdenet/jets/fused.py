r"""Eager kernels of the two steps that networks are made of: a linear layer and an activation.

Left to autograd, a composition would keep dozens of intermediates and pass over each of them
again. Here each step is one node of the graph that keeps only what its gradient needs, and adds up
in place. ``torch.compile`` and ``torch.func`` take the plain rules instead: compilers fuse better
than any hand, and transforms need to look inside.

The differential of :math:`\sigma(h)` is a product of series, :math:`\sigma'(h)\,dh`, so that the
gradient multiplies by the transpose of :math:`\sigma'(h)`. For tanh and sigmoid that series is a
polynomial of the result, and nothing but the result is kept.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function, forward_ad
from torch.nn import functional as F  # noqa: N812

from pdenet.jets import algebra
from pdenet.jets.algebra import Monomials, Parts, Term, add, scale, times, with_derived
from pdenet.jets.layout import Layout

SLOPES: dict[str, tuple[float, float, float]] = {
    "sigmoid": (0.25, -1.0, -0.5),
    "tanh": (1.0, -1.0, 0.0),
}
"""Functions u whose derivative is ``constant + factor * (u + shift)**2``, by these numbers."""

KERNELS = (*SLOPES, "cos", "exp", "gelu", "silu", "sin", "softplus")
"""Functions with an eager kernel; they are smooth, so that no derivative vanishes identically."""


def is_eager() -> bool:
    """Whether operations run now, one by one, with nothing but autograd looking on.

    Returns:
        False while compiling, under ``torch.func`` transforms and with dual numbers.
    """
    return not (
        torch.compiler.is_compiling()
        or torch._C._are_functorch_transforms_active()
        or forward_ad._current_level >= 0
    )


def linear(stacked: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor | list[Term]:
    """Affine layer: the weight acts on all channels, the bias on the value.

    Args:
        stacked: Channels, shape (c, n, ..., inputs).
        weight: Shape (outputs, inputs).
        bias: Shape (outputs,), or None.

    Returns:
        Channels, shape (c, n, ..., outputs).
    """
    if bias is None:
        return F.linear(stacked, weight)
    if is_eager():
        return _Linear.apply(stacked, weight, bias)
    value, *rest = stacked.unbind(0)
    return [F.linear(value, weight, bias), *(F.linear(part, weight) for part in rest)]


def has_kernel(name: str, options: Mapping[str, Any]) -> bool:
    """Whether a function has an eager kernel.

    Args:
        name: The function.
        options: Its parameters.

    Returns:
        True if it does.
    """
    return name in KERNELS and options.get("approximate", "none") == "none"


def compose(
    name: str,
    derivatives_of: Callable[..., Sequence[Term]],
    layout: Layout,
    stacked: Tensor | None,
    parts: Parts,
) -> Tensor | Parts:
    """Chain rule for one of :data:`KERNELS`.

    Args:
        name: The function.
        derivatives_of: Its derivatives (see :mod:`pdenet.jets.univariate`).
        layout: Channels of the series.
        stacked: The argument, stacked, where it is at hand in this form.
        parts: The argument, part by part.

    Returns:
        Channels of the composition, stacked or part by part.
    """
    if not is_eager():
        return algebra.compose(layout, parts, derivatives_of(parts[0], layout.order))
    if stacked is not None:
        return _Compose.apply(name, derivatives_of, layout, None, stacked)
    present = tuple(c for c, part in enumerate(parts) if isinstance(part, Tensor))
    return _Compose.apply(name, derivatives_of, layout, present, *(parts[c] for c in present))


class _Linear(Function):
    @staticmethod
    def forward(ctx: Any, stacked: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(stacked, weight)
        out = torch.matmul(stacked, weight.t())
        out[0] += bias
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        stacked, weight = ctx.saved_tensors
        wants_input, wants_weight, wants_bias = ctx.needs_input_grad
        rows = grad.reshape(-1, grad.shape[-1])
        return (
            torch.matmul(grad, weight) if wants_input else None,
            rows.t() @ stacked.reshape(-1, stacked.shape[-1]) if wants_weight else None,
            grad[0].reshape(-1, grad.shape[-1]).sum(0) if wants_bias else None,
        )


class _Compose(Function):
    @staticmethod
    def forward(
        ctx: Any,
        name: str,
        derivatives_of: Callable[..., Sequence[Term]],
        layout: Layout,
        present: tuple[int, ...] | None,
        *tensors: Tensor,
    ) -> Tensor:
        parts = _parts(layout, present, tensors)
        value = parts[0]
        assert isinstance(value, Tensor)
        derivatives = derivatives_of(value, layout.order)
        out = _compose_into(layout, parts, tensors[0] if present is None else None, derivatives)
        ctx.name, ctx.layout, ctx.present = name, layout, present
        ctx.derivatives_of = derivatives_of
        ctx.shapes = [t.shape for t in tensors]
        ctx.save_for_backward(*((out,) if name in SLOPES else tensors))
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:  # type: ignore[override]
        layout, present, saved = ctx.layout, ctx.present, ctx.saved_tensors
        again = torch.is_grad_enabled()  # a gradient of the gradient is wanted
        if ctx.name in SLOPES:
            slopes, factors = _slopes_of_result(ctx.name, layout, saved[0], again)
        else:
            slopes = _slopes_of_argument(ctx.derivatives_of, layout, present, saved, again)
            factors = [1.0] * len(layout)
        if again:
            grads = _transposed(layout, slopes, grad)
        else:
            grads = _transposed_in_place(layout, slopes, factors, grad)
        if present is None:
            return (None, None, None, None, grads)
        pairs = zip(present, ctx.shapes, strict=True)
        return (None, None, None, None, *(grads[c].sum_to_size(shape) for c, shape in pairs))


def _parts(layout: Layout, present: Sequence[int] | None, tensors: Sequence[Tensor]) -> Parts:
    if present is None:
        return tensors[0].unbind(0)
    parts: list[Term] = [0.0] * len(layout)
    for c, tensor in zip(present, tensors, strict=True):
        parts[c] = tensor
    return tuple(parts)


def _compose_into(
    layout: Layout, h: Parts, stacked: Tensor | None, derivatives: Sequence[Term]
) -> Tensor:
    """Chain rule into one new tensor; all derivatives are tensors."""
    value = derivatives[0]
    assert isinstance(value, Tensor)
    out = value.new_empty((len(layout), *value.shape))
    out[0] = value
    if stacked is not None and len(layout) > 1:
        torch.mul(derivatives[1], stacked[1:], out=out[1:])
    monomials = Monomials(with_derived(layout, h))
    for c, row in enumerate(layout.compositions):
        is_written = c == 0 or stacked is not None
        for k, terms in row[is_written:]:
            common = math.gcd(*(count for count, _ in terms))
            inner = monomials.polynomial([(count // common, factors) for count, factors in terms])
            if not isinstance(inner, Tensor):
                continue
            if is_written:
                out[c].addcmul_(derivatives[k], inner, value=common)
            else:
                torch.mul(derivatives[k], scale(common, inner), out=out[c])
                is_written = True
        if not is_written:
            out[c].zero_()
    return out


def _slopes_of_result(
    name: str, layout: Layout, result: Tensor, again: bool
) -> tuple[Parts, list[float]]:
    """Series of sigma'(h) from sigma(h): parts, and a factor for each that is not multiplied out."""
    constant, factor, shift = SLOPES[name]
    value, *rest = result.unbind(0)
    parts = (value + shift if shift else value, *rest)
    if not again:
        square, factors = _square(layout, parts)
        square[0].mul_(factor).add_(constant)
        return tuple(square), [1.0, *(factor * f for f in factors[1:])]
    value, *rest = (times(factor, part) for part in algebra.multiply(layout, parts, parts))
    return (value + constant, *rest), [1.0] * len(layout)


def _slopes_of_argument(
    derivatives_of: Callable[..., Sequence[Term]],
    layout: Layout,
    present: Sequence[int] | None,
    saved: Sequence[Tensor],
    again: bool,
) -> Parts:
    """Series of sigma'(h) from h."""
    h = _parts(layout, present, saved)
    derivatives = derivatives_of(h[0], layout.order + 1)[1:]
    if again:
        return algebra.compose(layout, h, derivatives)
    return _compose_into(layout, h, saved[0] if present is None else None, derivatives).unbind(0)


def _square(layout: Layout, u: Parts) -> tuple[list[Tensor], list[float]]:
    """Square of a series without zeros: parts, and factors that are not multiplied out."""
    u = with_derived(layout, u)
    parts: list[Tensor] = []
    factors: list[float] = []
    for row in layout.products:
        pairs: Counter[tuple[int, int]] = Counter()
        for count, a, b in row:
            pairs[min(a, b), max(a, b)] += count
        common = math.gcd(*pairs.values())
        (first, count), *rest = sorted(pairs.items(), key=lambda item: item[1])
        total = torch.mul(u[first[0]], u[first[1]])
        if count != common:
            total *= count // common
        for (a, b), count in rest:
            total.addcmul_(u[a], u[b], value=count // common)
        parts.append(total)
        factors.append(float(common))
    return parts, factors


def _transposed_in_place(
    layout: Layout, slopes: Parts, factors: Sequence[float], grad: Tensor
) -> Tensor:
    """Transpose of the product with a series, into one new tensor."""
    slopes, factors = _with_derived(layout, slopes, factors)
    out = slopes[0] * grad
    parts: list[Any] = [*out.unbind(0), *[None] * len(layout.derived)]
    for c, row in enumerate(layout.products):
        for count, a, b in row:
            if a == 0 and b == c:
                continue
            if parts[b] is None:
                parts[b] = torch.zeros_like(out[0])
            parts[b].addcmul_(slopes[a], grad[c], value=count * factors[a])
    for sum_, part in zip(layout.derived, parts[len(layout) :], strict=True):
        for count, c in sum_ if part is not None else ():
            parts[c].add_(part, alpha=count)
    return out


def _with_derived(
    layout: Layout, parts: Parts, factors: Sequence[float]
) -> tuple[Parts, Sequence[float]]:
    if not layout.derived:
        return parts, factors
    derived = []
    for sum_ in layout.derived:
        (count, c), *rest = sum_
        total = parts[c] * (count * factors[c])
        for count, c in rest:
            total.add_(parts[c], alpha=count * factors[c])
        derived.append(total)
    return (*parts, *derived), [*factors, *[1.0] * len(derived)]


def _transposed(layout: Layout, slopes: Parts, grad: Tensor) -> Tensor:
    """Transpose of the product with a series, in operations that can be differentiated again."""
    slopes = with_derived(layout, slopes)
    parts: list[Any] = [0.0] * len(layout.positions)
    for c, row in enumerate(layout.products):
        for count, a, b in row:
            parts[b] = add(parts[b], scale(count, times(slopes[a], grad[c])))
    for sum_, part in zip(layout.derived, parts[len(layout) :], strict=True):
        for count, c in sum_:
            parts[c] = add(parts[c], scale(count, part))
    return torch.stack(parts[: len(layout)])
