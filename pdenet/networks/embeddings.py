"""Fixed features of the inputs: exactly periodic ones and random Fourier ones.

Both are linear maps followed by sine and cosine, so that derivatives flow through two rules only.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import linear


class PeriodicEmbedding(nn.Module):
    r"""Replaces chosen columns by :math:`\cos(2\pi k x/P), \sin(2\pi k x/P)`, k = 1..harmonics.

    Whatever smooth network follows is then periodic with all its derivatives, exactly. Outputs
    are ordered: untouched columns, all cosines, all sines.

    Args:
        inputs: Number of input columns.
        periods: Period by column index, in the units of that column.
        harmonics: Number of harmonics of each period.

    Raises:
        ValueError: No column is named, a column is not there, a period is not positive and
            finite, or there is no harmonic.

    Reference:
        Dong and Ni, A method for representing periodic functions and enforcing exactly periodic
        boundary conditions with deep neural networks, J. Comput. Phys. 435 (2021).

    Example:
        >>> embedding = PeriodicEmbedding(2, {0: 4.0}, harmonics=3)
        >>> embedding.outputs, embedding(torch.zeros(5, 2)).shape
        (7, torch.Size([5, 7]))
    """

    angles: Tensor
    others: Tensor

    def __init__(self, inputs: int, periods: Mapping[int, float], harmonics: int = 1):
        super().__init__()
        _check_periods(inputs, periods, harmonics)
        angles = torch.zeros(len(periods) * harmonics, inputs)
        for i, (column, period) in enumerate(periods.items()):
            for k in range(harmonics):
                angles[i * harmonics + k, column] = 2 * math.pi * (k + 1) / period
        kept = [column for column in range(inputs) if column not in periods]
        self.register_buffer("angles", angles)
        # Columns are selected by a constant matrix: one rule (linear) instead of one more.
        self.register_buffer("others", torch.eye(inputs)[kept])
        self.inputs = inputs
        self.outputs = len(kept) + 2 * len(angles)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (..., outputs) from (..., inputs)."""
        angle = linear(x, self.angles)
        waves = [torch.cos(angle), torch.sin(angle)]
        if len(self.others):
            waves = [linear(x, self.others), *waves]
        return torch.cat(waves, dim=-1)


class RandomFourierEmbedding(nn.Module):
    r"""Fixed random waves :math:`[\cos(x B^T), \sin(x B^T)]`, B normal with mean 0.

    Args:
        inputs: Number of input columns.
        features: Number of waves; twice as many outputs.
        scale: Standard deviation of the angular frequencies, radians per unit of input: one number
            for all columns or one for each.
        generator: CPU generator of the draw; torch's own if None.

    Raises:
        ValueError: A scale is not positive and finite, or their number does not fit.

    Reference:
        Tancik et al., Fourier features let networks learn high frequency functions in low
        dimensional domains, NeurIPS 2020 (whose factor 2 pi is part of ``scale`` here).
    """

    frequencies: Tensor

    def __init__(
        self,
        inputs: int,
        features: int,
        scale: float | Sequence[float] = 1.0,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        scales = [float(scale)] * inputs if isinstance(scale, int | float) else list(scale)
        if len(scales) != inputs or not all(math.isfinite(s) and s > 0 for s in scales):
            raise ValueError(
                f"scale={scale} must be one positive number, or one for each of the {inputs} "
                "inputs (cosines and sines of periodic coordinates count)."
            )
        draw = torch.randn(features, inputs, generator=generator, device="cpu")
        frequencies = draw * torch.tensor(scales, device="cpu", dtype=draw.dtype)
        self.register_buffer("frequencies", frequencies.to(torch.get_default_device()))
        self.inputs, self.outputs = inputs, 2 * features

    def forward(self, x: Tensor) -> Tensor:
        """Returns (..., 2 features) from (..., inputs)."""
        angle = linear(x, self.frequencies)
        return torch.cat([torch.cos(angle), torch.sin(angle)], dim=-1)


def _check_periods(inputs: int, periods: Mapping[int, float], harmonics: int) -> None:
    if not periods or not all(0 <= column < inputs for column in periods):
        raise ValueError(f"Periods are given for columns {list(periods)} of {inputs} inputs.")
    if not all(math.isfinite(p) and p > 0 for p in periods.values()):
        raise ValueError(f"Periods must be positive and finite, got {dict(periods)}.")
    if harmonics < 1:
        raise ValueError(f"A periodic embedding needs at least one harmonic, got {harmonics}.")
