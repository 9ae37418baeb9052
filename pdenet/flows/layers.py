"""Layers that flows are made of, on zuko's transforms: each module builds a torch Transform."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Transform, constraints
from torch.distributions.transforms import AffineTransform
from zuko.lazy import LazyTransform
from zuko.nn import MLP
from zuko.transforms import (
    ComposedTransform,
    CouplingTransform,
    DependentTransform,
    LULinearTransform,
    MonotonicAffineTransform,
)

from pdenet.flows.maps import image, image_and_ladj, preimage

LIMIT = 5.0  # of the logarithm of an actnorm's scale
SWING = 0.6  # a coupling's scale stays in (1 - SWING, 1 + SWING)


class ActNorm(LazyTransform):
    """A shift and a scale of each coordinate; the scale is limited smoothly to exp(+-5).

    Args:
        dimension: Number of coordinates.
    """

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(dimension))
        self.log_scale = nn.Parameter(torch.zeros(dimension))

    def forward(self, c: Tensor | None = None) -> Transform:
        """The transform with the present parameters."""
        slope = float(torch.exp(torch.tensor(-LIMIT)))
        return DependentTransform(MonotonicAffineTransform(self.shift, self.log_scale, slope), 1)


class Rotation(LazyTransform):
    """A full linear map as a product of triangular matrices, the identity at first.

    Args:
        dimension: Number of coordinates.
    """

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.factors = nn.Parameter(torch.zeros(dimension, dimension))

    def forward(self, c: Tensor | None = None) -> Transform:
        """The transform with the present parameters."""
        diagonal = torch.diag_embed(self.factors.diagonal().exp() - self.factors.diagonal())
        return LULinearTransform(self.factors + diagonal)


class Coupling(LazyTransform):
    """Changes some coordinates by a map whose parameters a network makes of the others.

    Args:
        kept: Mask of the coordinates that stay, shape (d,).
        sizes: Numbers of parameters for each changed coordinate.
        univariate: Makes the transform of the changed coordinates from parameters of shapes
            (n, changed, size); the identity where they are zero.
        width: Neurons in both hidden layers.
    """

    def __init__(
        self, kept: Tensor, sizes: tuple[int, ...], univariate: Callable[..., Transform], width: int
    ) -> None:
        super().__init__()
        self.register_buffer("kept", kept, persistent=False)
        self.sizes, self.univariate, self.changed = sizes, univariate, int((~kept).sum())
        # Smooth, because gradients of the density enter the Sobolev penalty.
        outputs = self.changed * sum(sizes)
        self.network = MLP(int(kept.sum()), outputs, (width, width), activation=nn.Tanh)
        for parameter in self.network[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(self, c: Tensor | None = None) -> Transform:
        """The transform with the present parameters."""
        kept: Any = self.get_buffer("kept")
        return CouplingTransform(self._meta, kept)

    def _meta(self, kept: Tensor) -> Transform:

        found = self.network(kept).reshape(len(kept), self.changed, -1)
        return DependentTransform(self.univariate(*found.split(self.sizes, -1)), 1)


class AffineCoupling(Coupling):
    """A coupling whose map is a bounded scale and a bounded shift.

    Args:
        kept: Mask of the coordinates that stay, shape (d,).
        width: Neurons in both hidden layers.

    Reference:
        Tang, Wan and Yang, DAS-PINNs, J. Comput. Phys. 476 (2023) 111868; published code.
    """

    def __init__(self, kept: Tensor, width: int) -> None:
        super().__init__(kept, (1, 1), self._affine, width)
        self.reach = nn.Parameter(torch.zeros(self.changed))

    def _affine(self, shift: Tensor, scale: Tensor) -> Transform:
        reach = self.reach.clamp(-LIMIT, LIMIT).exp()
        return AffineTransform(
            reach * torch.tanh(shift[..., 0]), 1 + SWING * torch.tanh(scale[..., 0])
        )


class Active(LazyTransform):
    """Layers on the first coordinates alone; the others have left the flow (squeeze).

    Args:
        layers: The layers.
        active: Number of coordinates that they change.
    """

    def __init__(self, layers: list[LazyTransform], active: int) -> None:
        super().__init__()
        self.layers, self.active = nn.ModuleList(layers), active

    def forward(self, c: Tensor | None = None) -> Transform:
        """The transform with the present parameters."""
        return ActiveTransform(ComposedTransform(*(m() for m in self.layers)), self.active)


class ActiveTransform(Transform):
    """A transform of the first coordinates.

    Args:
        inner: The transform.
        active: Number of coordinates that it takes.
    """

    domain = constraints.real_vector
    codomain = constraints.real_vector
    bijective = True

    def __init__(self, inner: Transform, active: int) -> None:
        super().__init__()
        self.inner, self.active = inner, active

    def _call(self, x: Tensor) -> Tensor:
        return torch.cat([image(self.inner, x[..., : self.active]), x[..., self.active :]], -1)

    def _inverse(self, y: Tensor) -> Tensor:
        return torch.cat([preimage(self.inner, y[..., : self.active]), y[..., self.active :]], -1)

    def call_and_ladj(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Image and log-determinant in one pass.

        Args:
            x: Points, shape (n, d).

        Returns:
            Shapes (n, d) and (n,).
        """
        y, ladj = image_and_ladj(self.inner, x[..., : self.active])
        return torch.cat([y, x[..., self.active :]], -1), ladj

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Logarithm of the determinant's size, shape (n,)."""
        return self.inner.log_abs_det_jacobian(x[..., : self.active], y[..., : self.active])


def halves(active: int, first: bool) -> Tensor:
    """Mask of one half of the coordinates: the first, or the last.

    Args:
        active: Number of coordinates.
        first: Which half.

    Returns:
        Shape (active,).
    """
    mask = torch.arange(active) < (active + 1) // 2
    return mask if first else ~mask
