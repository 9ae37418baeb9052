"""Sine network with its own initial law."""

import math

import torch
from torch import Tensor, nn

from pdenet.networks.layers import check_sizes, dense, make_generator, uniform


class SIREN(nn.Module):
    r"""Sine layers :math:`\sin(\omega (W x + b))` whose signals keep their variance with depth.

    Weights of the first layer are uniform on :math:`\pm 1/n`, later ones on
    :math:`\pm\sqrt{6/n}/\omega`, for n inputs of the layer. The paper's 30 suits images;
    derivatives of the output grow like its powers, so solutions of moderate frequency want less.

    Args:
        inputs: Number of inputs.
        outputs: Number of outputs.
        width: Neurons in each hidden layer.
        depth: Number of hidden layers.
        frequency: Angular frequency of the first layer, radians per unit of input.
        hidden_frequency: The same factor in the later layers; it scales their step sizes.
        seed: Seed of the random draws; torch's generator if None.

    Raises:
        ValueError: A size is not a positive integer, or a frequency is not positive and finite.

    Reference:
        Sitzmann, Martel, Bergman, Lindell and Wetzstein, Implicit neural representations with
        periodic activation functions, NeurIPS 2020.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        width: int = 32,
        depth: int = 4,
        frequency: float = 10.0,
        hidden_frequency: float = 1.0,
        seed: int | None = None,
    ):
        super().__init__()
        sizes = {"inputs": inputs, "outputs": outputs, "width": width, "depth": depth}
        check_sizes("SIREN", sizes.items())
        for name, value in (("frequency", frequency), ("hidden_frequency", hidden_frequency)):
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"SIREN needs a positive finite {name}, got {value}.")
        generator = make_generator(seed)
        self.frequency, self.hidden_frequency = float(frequency), float(hidden_frequency)

        def later(n: int, m: int, g: torch.Generator | None) -> tuple[Tensor, Tensor]:
            weight = uniform((m, n), math.sqrt(6 / n) / self.hidden_frequency, g)
            return weight, uniform((m,), 1 / math.sqrt(n), g)

        self.first = dense(inputs, width, generator, draw=_first)
        self.hidden = nn.ModuleList(
            dense(width, width, generator, draw=later) for _ in range(depth - 1)
        )
        self.last = dense(width, outputs, generator, draw=later)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (..., outputs) from (..., inputs)."""
        x = torch.sin(self.first(x) * self.frequency)
        for layer in self.hidden:
            x = torch.sin(layer(x) * self.hidden_frequency)
        return self.last(x)


def _first(n: int, m: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    return uniform((m, n), 1 / n, generator), uniform((m,), 1 / math.sqrt(n), generator)
