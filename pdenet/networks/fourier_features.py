"""Multilayer perceptron on random waves."""

from collections.abc import Sequence

from torch import Tensor, nn

from pdenet.networks.activations import ActivationName
from pdenet.networks.embeddings import RandomFourierEmbedding
from pdenet.networks.layers import check_sizes, draw_seed, make_generator
from pdenet.networks.mlp import MLP


class FourierFeatures(nn.Module):
    """Multilayer perceptron on fixed random waves of its inputs, for solutions that oscillate.

    ``scale`` should reach the solution's highest angular frequency in scaled inputs, which run
    from -1 to 1: k full waves across the domain are k pi. Give each input its own where scales
    differ between directions.

    Args:
        inputs: Number of inputs.
        outputs: Number of outputs.
        features: Number of waves.
        scale: Standard deviation of the waves' angular frequencies, radians per unit of input: one
            number, or one for each input.
        width: Neurons in each hidden layer.
        depth: Number of hidden layers.
        activation: Name of the activation.
        factorized: Random weight factorization (rows with a trainable length).
        seed: Seed of the random draws; torch's generator if None.

    Reference:
        Tancik et al., NeurIPS 2020; Wang, Wang and Perdikaris, On the eigenvector bias of Fourier
        feature networks, CMAME 384 (2021).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        features: int = 32,
        scale: float | Sequence[float] = 5.0,
        width: int = 32,
        depth: int = 3,
        activation: ActivationName = "tanh",
        factorized: bool = False,
        seed: int | None = None,
    ):
        super().__init__()
        check_sizes("FourierFeatures", {"inputs": inputs, "features": features}.items())
        generator = make_generator(seed)
        self.embedding = RandomFourierEmbedding(inputs, features, scale, generator)
        self.core = MLP(
            2 * features,
            outputs,
            width=width,
            depth=depth,
            activation=activation,
            factorized=factorized,
            seed=draw_seed(generator),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Returns (..., outputs) from (..., inputs)."""
        return self.core(self.embedding(x))
