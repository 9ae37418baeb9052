"""Basis functions taken from data."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pdenet.functions.interpolation import interpolate


class PODTrunk(nn.Module):
    """Proper orthogonal modes of solutions on a grid, interpolated between its points.

    Nothing in it is trained: the branches learn coefficients of the best basis for the data there
    is. It suits learning from data; cubic interpolation has no smooth partial derivatives.

    Args:
        axes: Rising sides of the grid, each of shape (n_i,).
        modes: Values of the modes on the grid, shape (modes, n_1 n_2 ...).

    Raises:
        ValueError: The modes do not fit the grid.

    Reference:
        Lu, Meng, Cai, Mao, Goswami, Zhang, Karniadakis, A comprehensive and fair comparison of two
        neural operators, Comput. Methods Appl. Mech. Eng. 393, 2022, section 3.1.3.
    """

    modes: Tensor

    def __init__(self, axes: Sequence[Tensor], modes: Tensor) -> None:
        super().__init__()
        points = int(torch.tensor([len(a) for a in axes]).prod())
        if modes.ndim != 2 or modes.shape[1] != points:
            raise ValueError(
                f"Modes have shape {tuple(modes.shape)}; expected (modes, {points}) on a grid of "
                f"{' x '.join(str(len(a)) for a in axes)} points."
            )
        self.dimension = len(axes)
        for i, axis in enumerate(axes):
            self.register_buffer(f"axis{i}", axis.to(modes))
        self.register_buffer("modes", modes)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, coordinates) to (n, modes)."""
        axes = [getattr(self, f"axis{i}") for i in range(self.dimension)]
        return interpolate(axes, self.modes, x)


def orthogonal_modes(snapshots: Tensor, count: int) -> Tensor:
    """The basis that holds most of the snapshots' energy, each mode of mean square one.

    Args:
        snapshots: Solutions on a grid, shape (m, points).
        count: Number of modes.

    Returns:
        Shape (count, points).

    Raises:
        ValueError: There are fewer snapshots or points than modes.

    Example:
        >>> orthogonal_modes(torch.eye(3), 2).square().mean(1).round(decimals=4).tolist()
        [1.0, 1.0]
    """
    if count > min(snapshots.shape):
        raise ValueError(
            f"{count} modes were asked of snapshots of shape {tuple(snapshots.shape)}; give more "
            "functions, or take fewer basis functions."
        )
    rows = torch.linalg.svd(snapshots, full_matrices=False)[2][:count]
    return rows * rows.square().mean(1, keepdim=True).rsqrt()
