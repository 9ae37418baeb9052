"""Dense layers and the random draws that they start from.

Draws are made on the CPU, from one generator, so that a seed means the same network on every
device.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

Draw = Callable[[int, int, torch.Generator | None], tuple[Tensor, Tensor]]
"""``draw(inputs, outputs, generator)`` gives a weight (outputs, inputs) and a bias (outputs,)."""


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Parts are built in their final type: a constant such as pi / 3 keeps all its digits."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def make_generator(seed: int | None) -> torch.Generator | None:
    """Returns a CPU generator of this seed; None, which stands for torch's own, without a seed."""
    return None if seed is None else torch.Generator("cpu").manual_seed(seed)


def draw_seed(generator: torch.Generator | None) -> int:
    """Returns a seed drawn from a generator, for a part that makes a generator of its own."""
    return int(torch.randint(2**62, (), generator=generator, device="cpu"))


def uniform(
    shape: tuple[int, ...], bound: float, generator: torch.Generator | None = None
) -> Tensor:
    """Draw from the uniform law on ``[-bound, bound]``.

    Args:
        shape: Shape of the tensor.
        bound: Half-width of the interval.
        generator: CPU generator; torch's own if None.

    Returns:
        CPU tensor of the default dtype.
    """
    return bound * (2 * torch.rand(shape, generator=generator, device="cpu") - 1)


def glorot(
    inputs: int, outputs: int, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    r"""Glorot's normal law of standard deviation :math:`\sqrt{2/(n_{in}+n_{out})}`, zero biases.

    Args:
        inputs: Number of inputs.
        outputs: Number of outputs.
        generator: CPU generator; torch's own if None.

    Returns:
        Weight (outputs, inputs) and bias (outputs,).

    Reference:
        Glorot and Bengio, Understanding the difficulty of training deep feedforward neural
        networks, AISTATS 2010.
    """
    weight = torch.randn(outputs, inputs, generator=generator, device="cpu")
    deviation = math.sqrt(2 / (inputs + outputs))
    return deviation * weight, torch.zeros(outputs, device="cpu")


class FactorizedLinear(nn.Module):
    r"""Dense layer whose rows have a trainable length: :math:`W = \mathrm{diag}(e^s) V`.

    At the start the product equals the weight that was drawn; only the path of the training
    changes, since each row gets a step size of its own.

    Args:
        weight: Weight to factorize, shape (outputs, inputs).
        bias: Bias, shape (outputs,).
        generator: CPU generator of the scales s, normal with mean 1 and deviation 0.1.

    Reference:
        Wang, Wang, Seidman and Perdikaris, Random weight factorization improves the training of
        continuous neural representations, arXiv 2210.01274.
    """

    def __init__(self, weight: Tensor, bias: Tensor, generator: torch.Generator | None = None):
        super().__init__()
        rows = weight.shape[0]
        scale = 1.0 + 0.1 * torch.randn(rows, generator=generator, device="cpu")
        self.scale = nn.Parameter(scale.to(weight))
        self.direction = nn.Parameter(weight / self.scale.detach().exp()[:, None])
        self.bias = nn.Parameter(bias)

    def redraw(self, weight: Tensor, bias: Tensor, generator: torch.Generator | None) -> None:
        """Factorizes another weight, with scales drawn anew.

        Args:
            weight: Shape (outputs, inputs).
            bias: Shape (outputs,).
            generator: CPU generator of the scales.
        """
        other = FactorizedLinear(weight, bias, generator)
        with torch.no_grad():
            for mine, new in zip(self.parameters(), other.parameters(), strict=True):
                mine.copy_(new)

    @property
    def in_features(self) -> int:
        """Number of inputs."""
        return self.direction.shape[1]

    @property
    def out_features(self) -> int:
        """Number of outputs."""
        return self.direction.shape[0]

    def forward(self, x: Tensor) -> Tensor:
        """Returns (..., outputs) from (..., inputs)."""
        return linear(x, self.scale.exp()[:, None] * self.direction, self.bias)


def dense(
    inputs: int,
    outputs: int,
    generator: torch.Generator | None = None,
    *,
    draw: Draw = glorot,
    factorized: bool = False,
    bias: bool = True,
) -> nn.Module:
    """One dense layer.

    Args:
        inputs: Number of inputs.
        outputs: Number of outputs.
        generator: CPU generator; torch's own if None.
        draw: Law of weight and bias.
        factorized: Whether to use random weight factorization.
        bias: Whether the layer has a bias; factorized ones always do.

    Returns:
        ``nn.Linear`` or :class:`FactorizedLinear`, on the default device.
    """
    weight, drawn = draw(inputs, outputs, generator)
    if factorized:
        return FactorizedLinear(weight, drawn, generator).to(torch.get_default_device())
    # skip_init: nn.Linear's own draw would advance torch's generator behind the seed's back.
    layer = cast(nn.Linear, nn.utils.skip_init(nn.Linear, inputs, outputs, bias=bias))
    with torch.no_grad():
        layer.weight.copy_(weight)
        if bias:
            layer.bias.copy_(drawn)
    return layer


def check_sizes(network: str, sizes: Iterable[tuple[str, int]]) -> None:
    """Refuse sizes that are not positive integers.

    Args:
        network: Name of the network, for the message.
        sizes: Pairs of an argument's name and its value.

    Raises:
        ValueError: A size is not a positive integer.
    """
    for name, size in sizes:
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"{network} needs a positive integer {name}, got {size!r}.")
