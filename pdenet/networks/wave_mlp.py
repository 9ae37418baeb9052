"""Perceptron whose first layer is waves of given frequencies."""

import math
from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from pdenet.networks.layers import check_sizes, dense, make_generator, uniform


class WaveMLP(nn.Module):
    r"""Waves :math:`\sin(W x + b)`, then layers of tanh: for functions of a known frequency.

    Weights of the first layer are uniform on plus and minus each input's frequency, phases on
    :math:`\pm\pi`; the other layers are those of :class:`MLP`.

    Args:
        inputs: Number of inputs.
        outputs: Number of outputs.
        frequency: Highest angular frequency of each input's waves, radians per unit of input.
        width: Neurons in each hidden layer.
        depth: Number of hidden layers, the waves included.
        seed: Seed of the random draws; torch's generator if None.

    Raises:
        ValueError: A size is not a positive integer, or a frequency is negative or not finite, or
            their number is not that of the inputs.

    Reference:
        Wang and Lai, Multi-stage neural networks, arXiv 2307.08934.

    Example:
        >>> WaveMLP(2, 1, [8.0, 2.0], width=8, depth=2, seed=0)(torch.zeros(5, 2)).shape
        torch.Size([5, 1])
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        frequency: Sequence[float],
        *,
        width: int = 24,
        depth: int = 3,
        seed: int | None = None,
    ):
        super().__init__()
        sizes = {"inputs": inputs, "outputs": outputs, "width": width, "depth": depth}
        check_sizes("WaveMLP", sizes.items())
        if len(frequency) != inputs or not all(math.isfinite(f) and f >= 0 for f in frequency):
            raise ValueError(
                f"WaveMLP has {inputs} inputs (cosines and sines of periodic coordinates count), "
                f"but frequency={list(frequency)}; give each a number of at least 0."
            )
        generator = make_generator(seed)
        self.waves = dense(inputs, width, generator, draw=partial(_waves, frequency))
        widths = [width] * depth
        self.hidden = nn.ModuleList(dense(n, m, generator) for n, m in pairwise(widths))
        self.last = dense(width, outputs, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (..., outputs) from (..., inputs)."""
        x = torch.sin(self.waves(x))
        for layer in self.hidden:
            x = torch.tanh(layer(x))
        return self.last(x)


def _waves(
    frequency: Sequence[float], n: int, m: int, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    weight = uniform((m, n), 1.0, generator)
    return weight * weight.new_tensor(list(frequency)), uniform((m,), math.pi, generator)
