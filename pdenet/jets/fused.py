r"""The steps that networks are made of, eagerly: linear layers and an activation.

Left to autograd, a composition would keep dozens of intermediates and pass over each of them
again. Here each step is one node of the graph that keeps only what its gradient needs, and works
in place (:mod:`pdenet.jets.kernels`). ``torch.compile`` and ``torch.func`` take the plain rules
instead: compilers fuse better than any hand, and transforms need to look inside.

The differential of :math:`\sigma(h)` is a product of series, :math:`\sigma'(h)\,dh`, so that the
gradient multiplies by the transpose of :math:`\sigma'(h)`. For tanh and the logistic function that
series is a polynomial of the result, and nothing but the result is kept.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function, forward_ad
from torch.nn import functional as F  # noqa: N812

from pdenet.jets import algebra, kernels
from pdenet.jets.algebra import Parts, Term, times
from pdenet.jets.kernels import Derivatives
from pdenet.jets.layout import Layout
from pdenet.jets.slopes import SLOPES

KERNELS = (*SLOPES, "cos", "exp", "gelu", "silu", "sin", "softplus")
"""Functions with an eager kernel: smooth ones, none of whose derivatives vanishes identically."""


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


def blockwise_linear(stacked: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor | list[Term]:
    """Affine layers side by side: the weights act on all channels, the biases on the value.

    Args:
        stacked: Channels, shape (c, n, ..., g, inputs).
        weight: Shape (g * outputs, inputs).
        bias: Shape (g * outputs,), or None.

    Returns:
        Channels, shape (c, n, ..., g, outputs).
    """
    if bias is None:
        return blockwise_product(stacked, weight)
    if is_eager():
        return _BlockwiseLinear.apply(stacked, weight, bias)
    value, *rest = stacked.unbind(0)
    products = [blockwise_product(part, weight) for part in (value, *rest)]
    return [products[0] + bias.view(products[0].shape[-2:]), *products[1:]]


def blockwise_product(x: Tensor, weight: Tensor) -> Tensor:
    """Matrix products side by side.

    Args:
        x: Shape (..., g, inputs).
        weight: Shape (g * outputs, inputs).

    Returns:
        Shape (..., g, outputs).
    """
    g, inputs = x.shape[-2:]
    rows = x.reshape(-1, g, inputs).transpose(0, 1)
    products = torch.bmm(rows, weight.view(g, -1, inputs).mT)
    return products.transpose(0, 1).reshape(*x.shape[:-1], products.shape[-1])


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
    derivatives_of: Derivatives,
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
        value = parts[0]
        assert isinstance(value, Tensor)
        return algebra.compose(layout, parts, derivatives_of(value, layout.order))
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


class _BlockwiseLinear(Function):
    @staticmethod
    def forward(ctx: Any, stacked: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(stacked, weight)
        out = blockwise_product(stacked, weight)
        out[0] += bias.view(out.shape[-2:])
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        stacked, weight = ctx.saved_tensors
        wants_input, wants_weight, wants_bias = ctx.needs_input_grad
        g, outputs = grad.shape[-2:]
        rows = grad.reshape(-1, g, outputs).transpose(0, 1)
        back = weight.view(g, outputs, -1).mT.reshape(-1, outputs)
        inputs = stacked.reshape(-1, g, stacked.shape[-1]).transpose(0, 1)
        return (
            blockwise_product(grad, back) if wants_input else None,
            torch.bmm(rows.mT, inputs).reshape(weight.shape) if wants_weight else None,
            grad[0].reshape(-1, g * outputs).sum(0) if wants_bias else None,
        )


class _Compose(Function):
    @staticmethod
    def forward(
        ctx: Any,
        name: str,
        derivatives_of: Derivatives,
        layout: Layout,
        present: tuple[int, ...] | None,
        *tensors: Tensor,
    ) -> Tensor:
        everything = tuple(range(len(layout)))
        parts = tensors[0] if present is None else tensors
        out = kernels.compose(name, derivatives_of, layout, present or everything, parts)
        ctx.name, ctx.derivatives_of = name, derivatives_of
        ctx.layout, ctx.present = layout, present
        ctx.save_for_backward(*((out,) if name in SLOPES else tensors))
        ctx.shapes = [tensor.shape for tensor in tensors]
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:  # type: ignore[override]
        layout = ctx.layout
        present = ctx.present or tuple(range(len(layout)))
        is_stacked = ctx.name in SLOPES or ctx.present is None
        saved = ctx.saved_tensors[0] if is_stacked else ctx.saved_tensors
        if torch.is_grad_enabled():  # a gradient of the gradient is wanted
            grads = _gradient(ctx.name, ctx.derivatives_of, layout, present, saved, grad)
        else:
            grads = kernels.gradient(ctx.name, ctx.derivatives_of, layout, present, saved, grad)
        if ctx.present is None:
            return (None, None, None, None, grads)
        pairs = zip(grads.unbind(0), ctx.shapes, strict=True)
        return (None, None, None, None, *(part.sum_to_size(shape) for part, shape in pairs))


def _gradient(
    name: str,
    derivatives_of: Derivatives,
    layout: Layout,
    present: Sequence[int],
    saved: Tensor | Sequence[Tensor],
    grad: Tensor,
) -> Tensor:
    """As :func:`pdenet.jets.kernels.gradient`, in operations that can be differentiated again."""
    saved = saved.unbind(0) if isinstance(saved, Tensor) else saved
    if name in SLOPES:
        slope = SLOPES[name]
        shifted = (saved[0] + slope.shift, *saved[1:])
        square = algebra.multiply(layout, shifted, shifted)
        value, *rest = (times(slope.factor, part) for part in square)
        slopes = (value + slope.constant, *rest)
    else:
        h: list[Term] = [0.0] * len(layout)
        for c, part in zip(present, saved, strict=True):
            h[c] = part
        slopes = algebra.compose(layout, tuple(h), derivatives_of(saved[0], layout.order + 1)[1:])
    parts = algebra.multiply_transposed(layout, slopes, grad.unbind(0))
    return torch.stack([parts[c].expand_as(grad[0]) for c in present])
