"""Whether new functions resemble those that something was learned from."""

from __future__ import annotations

import torch
from torch import Tensor

SPANNED = 1e-3  # share of the variance beyond the leading components
FLOOR = 1e-3  # of the functions' size: what is smaller beside the components is round-off


def unlikeness(new: Tensor, training: Tensor, usual: Tensor) -> Tensor:
    """How far out functions lie, in units of the farthest of others of the training's law.

    Far along the principal components of the training functions, each in units of its deviation,
    or far beside them: both count, whichever is more. A network was never asked for such functions,
    and nothing vouches for what it makes of them.

    Args:
        new: Values at sensors, shape (m, s).
        training: Those of the functions learned from, shape (n, s).
        usual: Those of functions of the same law that were not learned from, shape (k, s).

    Returns:
        Shape (m,), dimensionless; about 1 at most for functions of the law.

    Example:
        >>> law = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
        >>> far = unlikeness(torch.tensor([[0.0, 0.0, 0.0], [9.0, 9.0, 9.0]]), law[:100], law[100:])
        >>> (far > 1).tolist()
        [False, True]
    """
    mean = training.mean(0)
    _, sizes, rows = torch.linalg.svd(training - mean, full_matrices=False)
    energy = sizes.square().cumsum(0)
    kept = min(1 + int((energy < (1 - SPANNED) * energy[-1]).sum()), len(sizes))
    rows, deviation = rows[:kept], sizes[:kept] / len(training) ** 0.5
    floor = FLOOR * (energy[-1] / len(training)).sqrt()

    def far(values: Tensor) -> tuple[Tensor, Tensor]:
        along = (values - mean) @ rows.T
        beside = values - mean - along @ rows
        return (along / deviation.clamp_min(floor)).norm(dim=1), beside.norm(dim=1)

    (along, beside), (most_along, most_beside) = far(new), (d.max() for d in far(usual))
    return torch.maximum(along / most_along, beside / most_beside.clamp_min(floor))
