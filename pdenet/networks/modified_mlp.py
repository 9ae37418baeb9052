"""Gated multilayer perceptron."""

from torch import Tensor, nn

from pdenet.networks.activations import ActivationName, find_activation
from pdenet.networks.layers import check_sizes, dense, make_generator


class ModifiedMLP(nn.Module):
    r"""Multilayer perceptron whose hidden layers blend two encodings of the input.

    .. math:: U = \sigma(W_U x),\ V = \sigma(W_V x),\quad
        H_{k+1} = (1 - Z_k) \odot U + Z_k \odot V,\ Z_k = \sigma(W_k H_k)

    with :math:`H_1 = \sigma(W_0 x)`. Costs one product a layer more than an MLP; its source
    reports lower errors where gradients of the loss terms are out of balance.

    Args:
        inputs: Number of inputs.
        outputs: Number of outputs.
        width: Neurons in each hidden layer.
        depth: Number of hidden layers.
        activation: Name of the activation.
        factorized: Random weight factorization (rows with a trainable length).
        seed: Seed of the random draws; torch's generator if None.

    Reference:
        Wang, Teng and Perdikaris, Understanding and mitigating gradient flow pathologies in
        physics-informed neural networks, SIAM J. Sci. Comput. 43 (2021), equations 43-47.
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
        check_sizes("ModifiedMLP", sizes.items())
        generator = make_generator(seed)

        def layer(n: int, m: int) -> nn.Module:
            return dense(n, m, generator, factorized=factorized)

        self.first_gate = layer(inputs, width)
        self.second_gate = layer(inputs, width)
        self.hidden = nn.ModuleList(layer(n, width) for n in [inputs, *[width] * (depth - 1)])
        self.last = layer(width, outputs)
        self.activation = find_activation(activation)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (..., outputs) from (..., inputs)."""
        u = self.activation(self.first_gate(x))
        gap = self.activation(self.second_gate(x)) - u
        for k, layer in enumerate(self.hidden):
            x = self.activation(layer(x))
            if k > 0:
                x = x * gap + u  # (1 - Z) U + Z V with one product: products of jets are dear
        return self.last(x)
