"""Multilayer perceptron."""

from itertools import pairwise

from torch import Tensor, nn

from pdenet.networks.activations import ActivationName, find_activation
from pdenet.networks.layers import check_sizes, dense, make_generator


class MLP(nn.Module):
    """Multilayer perceptron with Glorot weights and zero biases.

    The default size, 3,300 parameters, is small enough for second-order steps on two cores.

    Args:
        inputs: Number of inputs.
        outputs: Number of outputs.
        width: Neurons in each hidden layer.
        depth: Number of hidden layers.
        activation: Name of the activation.
        factorized: Random weight factorization (rows with a trainable length).
        seed: Seed of the random draws; torch's generator if None.

    Example:
        >>> import torch
        >>> MLP(2, 1, width=8, depth=2, seed=0)(torch.zeros(5, 2)).shape
        torch.Size([5, 1])
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        width: int = 32,
        depth: int = 4,
        activation: ActivationName = "tanh",
        factorized: bool = False,
        seed: int | None = None,
    ):
        super().__init__()
        sizes = {"inputs": inputs, "outputs": outputs, "width": width, "depth": depth}
        check_sizes("MLP", sizes.items())
        generator = make_generator(seed)
        widths = [inputs, *[width] * depth]
        self.hidden = nn.ModuleList(
            dense(n, m, generator, factorized=factorized) for n, m in pairwise(widths)
        )
        self.last = dense(width, outputs, generator, factorized=factorized)
        self.activation = find_activation(activation)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (..., outputs) from (..., inputs)."""
        for layer in self.hidden:
            x = self.activation(layer(x))
        return self.last(x)
