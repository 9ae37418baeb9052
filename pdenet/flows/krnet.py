"""KRnet: a flow of the real line, of triangular structure, between two logistic maps."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import softplus
from zuko.lazy import LazyTransform

from pdenet.checks import whole
from pdenet.flows.base import Flow
from pdenet.flows.cdf import Logit, NonlinearCDF
from pdenet.flows.layers import Active, ActNorm, AffineCoupling, Rotation, halves


class KRnet(Flow):
    """Rotations, actnorms, affine couplings; coordinates leave stage by stage; last a CDF layer.

    The cube is mapped to space by logits. The prior is logistic: unlike a normal one it makes the
    untrained flow uniform. Near the cube's faces the density of such a map vanishes or grows
    without bound, so the cube is a little larger than the unit cube, and what falls outside the
    latter is to be rejected.

    Args:
        dimension: Of the cube.
        depth: Couplings in each stage; two change all coordinates.
        width: Neurons in both hidden layers of a coupling.
        cells: Cells of the nonlinear CDF layer, an even number.
        stages: Stages, after each of which coordinates leave; dimension - 1 at most.
        rotate: Whether each stage begins with a rotation.
        margin: By which the cube exceeds the unit cube at each face.
        seed: Of the hidden weights.

    Raises:
        ValueError: A number is out of range.

    Reference:
        Tang, Wan and Yang, DAS-PINNs, J. Comput. Phys. 476 (2023) 111868, and its published code.
    """

    def __init__(
        self,
        dimension: int,
        *,
        depth: int = 6,
        width: int = 24,
        cells: int = 32,
        stages: int = 3,
        rotate: bool = True,
        margin: float = 0.005,
        seed: int = 0,
    ) -> None:
        super().__init__(dimension)
        whole(depth=depth, width=width, cells=cells, stages=stages)
        if cells % 2 or not 0 < margin < 1:
            raise ValueError(f"cells={cells} must be even, and margin={margin} between 0 and 1.")
        self.depth, self.width, self.cells, self.rotate = depth, width, cells, rotate
        self.active, self.margin = actives(dimension, stages), margin
        self.reset(seed)

    def build(self) -> Iterator[LazyTransform]:
        """Logits, stages, CDF layer."""
        yield Logit()
        for active in self.active:
            layers: list[LazyTransform] = [Rotation(active)] if self.rotate else []
            for k in range(self.depth):
                layers += [ActNorm(active), AffineCoupling(halves(active, k % 2 == 0), self.width)]
            yield Active(layers, active)
        yield ActNorm(self.dimension)
        yield NonlinearCDF(self.dimension, self.cells)

    def log_prior(self, noise: Tensor) -> Tensor:
        """Logarithm of the logistic density.

        Args:
            noise: Shape (n, d).

        Returns:
            Shape (n,).
        """
        return -(softplus(noise) + softplus(-noise)).sum(-1)

    def shape_noise(self, uniform: Tensor) -> Tensor:
        """Logistic noise by the inverse of its distribution function.

        Args:
            uniform: Numbers on (0, 1), shape (n, d).

        Returns:
            Shape (n, d).
        """
        return torch.logit(uniform, eps=1e-300)


def actives(dimension: int, stages: int) -> tuple[int, ...]:
    """Numbers of active coordinates, falling evenly from all of them to two.

    Args:
        dimension: Number of coordinates.
        stages: At most so many numbers.

    Returns:
        At least one number, but none in one dimension, where nothing can be coupled.

    Example:
        >>> actives(10, 3), actives(2, 3), actives(1, 3)
        ((10, 7, 4), (2,), ())
    """
    leave = -(-(dimension - 1) // stages) if dimension > 1 else 1
    return tuple(range(dimension, 1, -leave))
