"""Networks side by side, as one: every linear layer becomes one product for all of them."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.overrides import handle_torch_function, has_torch_function

from pdenet.jets import Jet
from pdenet.jets.fused import blockwise_product
from pdenet.jets.rules.linear import blockwise_linear as of_jet


def blockwise_linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Linear layers side by side: block k acts on ``x[..., k, :]``.

    Args:
        x: Shape (..., g, inputs).
        weight: The blocks' weights below each other, shape (g * outputs, inputs).
        bias: Shape (g * outputs,), or None.

    Returns:
        Shape (..., g, outputs).

    Example:
        >>> weight = torch.tensor([[1.0], [2.0]])
        >>> blockwise_linear(torch.tensor([[3.0], [4.0]]), weight).tolist()
        [[3.0], [8.0]]
    """
    if torch.compiler.is_compiling():
        if isinstance(x, Jet):
            return of_jet(x, weight, bias)  # type: ignore[return-value]
    elif has_torch_function((x, weight)):  # a jet, or somebody who watches layers at work
        return handle_torch_function(blockwise_linear, (x, weight), x, weight, bias)
    product = blockwise_product(x, weight)
    return product if bias is None else product + bias.view(product.shape[-2:])


class BlockwiseLinear(nn.Module):
    """Linear layers of equal size side by side, on the last two axes.

    Args:
        weight: The blocks' weights below each other, shape (g * outputs, inputs).
        bias: Shape (g * outputs,), or None.
        blocks: Number of blocks g.

    Raises:
        ValueError: The rows cannot be shared among the blocks.
    """

    bias: nn.Parameter | None

    def __init__(self, weight: Tensor, bias: Tensor | None, blocks: int) -> None:
        super().__init__()
        if blocks < 1 or weight.ndim != 2 or len(weight) % blocks:
            raise ValueError(f"A weight {tuple(weight.shape)} cannot be cut into {blocks} blocks.")
        self.blocks = blocks
        self.weight = nn.Parameter(weight)
        self.register_parameter("bias", None if bias is None else nn.Parameter(bias))

    @property
    def in_features(self) -> int:
        """Number of inputs of each block."""
        return self.weight.shape[1]

    @property
    def out_features(self) -> int:
        """Number of outputs of each block."""
        return len(self.weight) // self.blocks

    def forward(self, x: Tensor) -> Tensor:
        """Returns (..., g, outputs) from (..., g, inputs)."""
        return blockwise_linear(x, self.weight, self.bias)

    def among(self, blocks: Tensor) -> BlockwiseLinear:
        """Some of the blocks, with weights of their own.

        Args:
            blocks: Their numbers.

        Returns:
            Layers of these blocks, in the order given.
        """

        def chosen(p: Tensor) -> Tensor:
            parts = p.detach().unflatten(0, (self.blocks, -1))
            return parts[blocks.to(p.device)].flatten(0, 1)

        bias = None if self.bias is None else chosen(self.bias)
        few = BlockwiseLinear(chosen(self.weight), bias, len(blocks))
        return few.requires_grad_(self.weight.requires_grad)

    def extra_repr(self) -> str:
        """Returns the sizes, for ``print(network)``."""
        return f"blocks={self.blocks}, {self.in_features}, {self.out_features}"


def side_by_side(networks: Sequence[nn.Module]) -> nn.Module:
    """Equal networks with weights of their own as one network on one more axis.

    Linear layers are joined to :class:`BlockwiseLinear`. Numbers outside of them, such as the
    blocks' weights of a residual network, and constants, such as fixed random waves, are those of
    the first network, for all.

    Args:
        networks: Networks of one structure that act on the last axis, each (..., inputs) to
            (..., outputs).

    Returns:
        Maps (..., g, inputs) to (..., g, outputs), network k on entry k.

    Raises:
        ValueError: There is no network, or one holds weights outside linear layers.

    Example:
        >>> pair = side_by_side([nn.Linear(1, 2), nn.Linear(1, 2)])
        >>> pair(torch.zeros(5, 2, 1)).shape
        torch.Size([5, 2, 2])
    """
    if not networks:
        raise ValueError("side_by_side needs at least one network.")
    if isinstance(networks[0], nn.Linear):
        return _joined([n for n in networks if isinstance(n, nn.Linear)])
    result = copy.deepcopy(networks[0])
    for name, module in networks[0].named_modules():
        if isinstance(module, nn.Linear):
            parts = [network.get_submodule(name) for network in networks]
            joined = _joined([part for part in parts if isinstance(part, nn.Linear)])
            parent, _, child = name.rpartition(".")
            setattr(result.get_submodule(parent), child, joined)
    _check_rest(result)
    return result


def _joined(layers: Sequence[nn.Linear]) -> BlockwiseLinear:
    with torch.no_grad():
        weight = torch.cat([layer.weight for layer in layers])
        biases: list[Tensor] = [layer.bias for layer in layers if layer.bias is not None]
        joined = BlockwiseLinear(weight, torch.cat(biases) if biases else None, len(layers))
    return joined.requires_grad_(layers[0].weight.requires_grad)


def _check_rest(network: nn.Module) -> None:
    inside = {
        id(p) for m in network.modules() if isinstance(m, BlockwiseLinear) for p in m.parameters()
    }
    left = [n for n, p in network.named_parameters() if id(p) not in inside and p.numel() > 1]
    if left:
        raise ValueError(
            f"Networks of type {type(network).__name__} cannot stand side by side: {left[0]} is "
            "no weight of an nn.Linear. Use a network of plain linear layers (factorized=False)."
        )
