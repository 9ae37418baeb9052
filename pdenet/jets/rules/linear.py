"""Linear layers, matrix products and contractions."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from pdenet.jets import algebra, fused
from pdenet.jets.rules.shapes import each, is_jet, level, of, refuse_points, spread

if TYPE_CHECKING:
    from pdenet.jets.jet import Jet


def linear(x: "Jet", weight: Tensor, bias: Tensor | None = None) -> "Jet":
    """Affine layer: the weight acts on all channels, the bias on the value."""
    if x.stacked is not None:
        return x.like(fused.linear(x.stacked, weight, bias))
    value = F.linear(x.value, weight, bias)
    return x.like([value, *(of(lambda part: F.linear(part, weight), p) for p in x.parts[1:])])


def blockwise_linear(x: "Jet", weight: Tensor, bias: Tensor | None = None) -> "Jet":
    """Affine layers side by side (:func:`pdenet.networks.blocks.blockwise_linear`)."""
    if x.stacked is not None:
        return x.like(fused.blockwise_linear(x.stacked, weight, bias))
    value, *rest = (of(lambda part: fused.blockwise_product(part, weight), p) for p in x.parts)
    assert isinstance(value, Tensor)
    return x.like([value if bias is None else value + bias.view(value.shape[-2:]), *rest])


def addmm(bias: Tensor, x: "Jet", weight: Tensor, *, beta: float = 1, alpha: float = 1) -> "Jet":
    """Matrix product with a bias."""
    return matmul(x, alpha * weight) + beta * bias


def matmul(a: Any, b: Any) -> "Jet":
    """Matrix product over trailing axes."""
    if is_jet(a):
        if is_jet(b):
            return a.like(level(algebra.multiply(a.layout, a.parts, b.parts, torch.matmul)))
        return each(lambda channel: torch.matmul(channel, b), a)
    if _is_swapped(a, b):
        return each(lambda channel: torch.matmul(channel, a), b)
    return each(lambda channel: torch.matmul(a, channel), b)


def _is_swapped(a: Tensor, b: "Jet") -> bool:
    # torch.compile hands ``jet @ tensor`` over with its operands swapped and no sign of it: its
    # BuiltinVariable (torch 2.13) swaps for reflected operators, of which matmul is none.
    contracts_points = b.dim() < 3
    if not torch.compiler.is_compiling():
        if contracts_points:
            refuse_points(0, b)
        return False
    fits_as_it_came = not contracts_points and a.shape[-1] == b.shape[-2]
    fits_swapped = b.shape[-1] == a.shape[max(-2, -a.dim())]
    if fits_as_it_came and fits_swapped:
        raise ValueError(
            f"Matrix product of shapes {tuple(a.shape)} and {tuple(b.shape)}, whose order "
            "torch.compile does not tell. Write it with torch.einsum."
        )
    return fits_swapped


def einsum(equation: str, *operands: Any) -> "Jet":
    """Contraction with one or two jets among the operands.

    Args:
        equation: As of ``torch.einsum``.
        *operands: Jets and tensors.

    Returns:
        The contraction.

    Raises:
        ValueError: More than two jets.
    """
    jets = [k for k, operand in enumerate(operands) if is_jet(operand)]
    if len(jets) > 2:
        raise ValueError(f"einsum contracts at most two jets, got {len(jets)}. Split it in steps.")

    def contract(*channels: Tensor) -> Tensor:
        filled = list(operands)
        for k, channel in zip(jets, channels, strict=True):
            filled[k] = channel
        return torch.einsum(equation, *filled)

    # Parts that are constant over the points are written out: einsum does not broadcast them.
    first = operands[jets[0]]
    if len(jets) == 1:
        return first.like([of(contract, part) for part in spread(first)])
    left, right = (spread(operands[k]) for k in jets)
    return first.like(algebra.multiply(first.layout, left, right, contract))
