"""One hidden layer of random features, for least squares."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pdenet.networks.activations import ActivationName, find_activation
from pdenet.networks.layers import check_sizes, dense, make_generator, uniform


class RandomFeatures(nn.Module):
    r"""One wide hidden layer, whose random weights are kept while the last layer is solved for.

    .. math:: u(x) = \sum_j c_j\, \sigma(k_j \cdot x + b_j), \quad k_{ji} \sim U(-R_i, R_i)

    Waves reach the frequencies below their range: R should exceed the solution's highest angular
    frequency in inputs that run from -1 to 1. Their phases are uniform; the shifts b of other
    activations are uniform in plus or minus the largest range.

    Args:
        inputs: Number of inputs.
        outputs: Number of outputs.
        width: Number of features, shared by all outputs.
        scale: The range R: one number, or one for each input.
        activation: Name of the activation; waves (sin) reach smooth solutions with the fewest.
        seed: Seed of the random draws; torch's generator if None.

    Raises:
        ValueError: A size is not a positive integer, or a range is not positive and finite.

    Reference:
        Chen, Chi, E and Yang, Bridging traditional and machine learning-based algorithms for
        solving PDEs: The random feature method, J. Mach. Learn. 1(3), 2022, 268-298; for waves
        Rahimi and Recht, Random features for large-scale kernel machines, NeurIPS 2007.

    Example:
        >>> RandomFeatures(2, 1, width=50, scale=[3.0, 10.0], seed=0)(torch.zeros(5, 2)).shape
        torch.Size([5, 1])
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        width: int = 300,
        scale: float | Sequence[float] = 4.0,
        activation: ActivationName = "sin",
        seed: int | None = None,
    ):
        super().__init__()
        sizes = {"inputs": inputs, "outputs": outputs, "width": width}
        check_sizes("RandomFeatures", sizes.items())
        ranges = _per_input(scale, inputs)
        self.activation = find_activation(activation)
        shift = math.pi if activation in ("sin", "cos") else max(ranges)

        def draw(n: int, m: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
            weight = uniform((m, n), 1.0, generator)
            return weight * torch.tensor(ranges, device="cpu"), uniform((m,), shift, generator)

        generator = make_generator(seed)
        self.hidden = dense(inputs, width, generator, draw=draw)
        self.last = dense(width, outputs, generator, bias=False)

    def features(self, x: Tensor) -> Tensor:
        """Values of the features, which no coefficient changes: (..., width) from (..., inputs)."""
        return self.activation(self.hidden(x))

    def forward(self, x: Tensor) -> Tensor:
        """Returns (..., outputs) from (..., inputs)."""
        return self.last(self.features(x))


def _per_input(scale: float | Sequence[float], inputs: int) -> list[float]:
    ranges = [float(scale)] * inputs if isinstance(scale, int | float) else list(map(float, scale))
    if len(ranges) != inputs or not all(math.isfinite(r) and r > 0 for r in ranges):
        raise ValueError(
            f"RandomFeatures(scale={scale}) must be one positive finite number, or one for each of "
            f"the {inputs} inputs (cosines and sines of periodic coordinates count)."
        )
    return ranges
