"""Sine network with its own initial law."""

import math
from collections.abc import Sequence

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
        frequency: Angular frequency of the first layer, radians per unit of input: one number, or
            one for each input where the solution's directions differ.
        hidden_frequency: The same factor in the later layers; it scales their step sizes.
        seed: Seed of the random draws; torch's generator if None.

    Raises:
        ValueError: A size is not a positive integer, a frequency is not positive and finite, or
            their number is not that of the inputs.

    Reference:
        Sitzmann, Martel, Bergman, Lindell and Wetzstein, Implicit neural representations with
        periodic activation functions, NeurIPS 2020.
    """

    relative: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        width: int = 32,
        depth: int = 4,
        frequency: float | Sequence[float] = 10.0,
        hidden_frequency: float = 1.0,
        seed: int | None = None,
    ):
        super().__init__()
        sizes = {"inputs": inputs, "outputs": outputs, "width": width, "depth": depth}
        check_sizes("SIREN", sizes.items())
        each = _per_input(frequency, inputs)
        for name, values in (("frequency", each), ("hidden_frequency", [hidden_frequency])):
            if not all(math.isfinite(value) and value > 0 for value in values):
                raise ValueError(f"SIREN needs a positive finite {name}, got {values}.")
        # Phases spread as the fastest input needs; slower ones are shrunk beforehand.
        self.frequency, self.hidden_frequency = max(each), float(hidden_frequency)
        relative = torch.tensor([value / self.frequency for value in each])
        self.register_buffer("relative", relative)

        generator = make_generator(seed)
        self.first = dense(inputs, width, generator, draw=first_law)
        self.hidden = nn.ModuleList(
            dense(width, width, generator, draw=self.later_law) for _ in range(depth - 1)
        )
        self.last = dense(width, outputs, generator, draw=self.later_law)

    def later_law(self, n: int, m: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """Draws weight (m, n) and bias (m,) of a layer behind the first."""
        weight = uniform((m, n), math.sqrt(6 / n) / self.hidden_frequency, generator)
        return weight, uniform((m,), 1 / math.sqrt(n), generator)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (..., outputs) from (..., inputs)."""
        x = torch.sin(self.first(x * self.relative) * self.frequency)
        for layer in self.hidden:
            x = torch.sin(layer(x) * self.hidden_frequency)
        return self.last(x)


def _per_input(frequency: float | Sequence[float], inputs: int) -> list[float]:
    if isinstance(frequency, int | float):
        return [float(frequency)] * inputs
    each = [float(value) for value in frequency]
    if len(each) != inputs:
        raise ValueError(
            f"SIREN has {inputs} inputs (cosines and sines of periodic coordinates count), but "
            f"frequency={frequency}; give one number, or one for each of them."
        )
    return each


def first_law(n: int, m: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Draws weight (m, n) and bias (m,) of a SIREN's first layer."""
    return uniform((m, n), 1 / n, generator), uniform((m,), 1 / math.sqrt(n), generator)
