"""Physics-informed residual adaptive network."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from pdenet.networks.activations import ActivationName, find_activation
from pdenet.networks.embeddings import RandomFourierEmbedding
from pdenet.networks.layers import check_sizes, dense, make_generator


class PirateNet(nn.Module):
    r"""Residual network that starts as a linear model of random waves and grows deeper.

    A block maps :math:`x` to :math:`\alpha h + (1 - \alpha) x`, where h is three dense layers, the
    first two gated as in :class:`ModifiedMLP`. The trainable :math:`\alpha` starts at zero, so that
    every block starts as the identity; inner weights wait one step until it has moved.

    Args:
        inputs: Number of inputs.
        outputs: Number of outputs.
        width: Neurons in each layer; even, since waves come in pairs.
        depth: Number of blocks, of three layers each.
        activation: Name of the activation.
        scale: Standard deviation of the waves' angular frequencies, radians per unit of input: one
            number, or one for each input.
        alpha: Value that the blocks' weights start from.
        factorized: Random weight factorization (rows with a trainable length).
        seed: Seed of the random draws; torch's generator if None.

    Raises:
        ValueError: A size is not a positive integer, or ``width`` is odd.

    Reference:
        Wang, Li, Chen and Perdikaris, PirateNets: physics-informed deep learning with residual
        adaptive networks, arXiv 2402.00326.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        width: int = 32,
        depth: int = 2,
        activation: ActivationName = "tanh",
        scale: float | Sequence[float] = 2.0,
        alpha: float = 0.0,
        factorized: bool = False,
        seed: int | None = None,
    ):
        super().__init__()
        sizes = {"inputs": inputs, "outputs": outputs, "width": width, "depth": depth}
        check_sizes("PirateNet", sizes.items())
        if width % 2:
            raise ValueError(f"PirateNet needs an even width, got {width}; try {width + 1}.")
        generator = make_generator(seed)

        def layer(n: int, m: int) -> nn.Module:
            return dense(n, m, generator, factorized=factorized)

        self.embedding = RandomFourierEmbedding(inputs, width // 2, scale, generator)
        self.first_gate = layer(width, width)
        self.second_gate = layer(width, width)
        self.blocks = nn.ModuleList(_Block(width, layer, alpha) for _ in range(depth))
        self.last = layer(width, outputs)
        self.activation = find_activation(activation)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (..., outputs) from (..., inputs)."""
        x = self.embedding(x)
        v = self.activation(self.second_gate(x))
        gap = self.activation(self.first_gate(x)) - v
        for block in self.blocks:
            x = block(x, gap, v, self.activation)
        return self.last(x)


class _Block(nn.Module):
    def __init__(self, width: int, layer: Callable[[int, int], nn.Module], alpha: float):
        super().__init__()
        self.first, self.second, self.third = (layer(width, width) for _ in range(3))
        self.alpha = nn.Parameter(torch.tensor(float(alpha)))

    def forward(
        self, x: Tensor, gap: Tensor, v: Tensor, activation: Callable[[Tensor], Tensor]
    ) -> Tensor:
        h = activation(self.first(x)) * gap + v  # f U + (1 - f) V with one product
        h = activation(self.second(h)) * gap + v
        h = activation(self.third(h))
        return (h - x) * self.alpha + x
