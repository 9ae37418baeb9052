"""B-KRnet: a flow of the unit cube itself, without a detour over the real line."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor
from zuko.lazy import LazyTransform

from pdenet.checks import whole
from pdenet.flows.base import Flow
from pdenet.flows.cdf import Marginals, conditional_cdf
from pdenet.flows.krnet import actives
from pdenet.flows.layers import Active, Coupling, halves


class BoundedKRnet(Flow):
    """Marginal densities, then couplings that are monotone piecewise quadratic maps.

    The density lives on the unit cube, faces included: nothing is clamped or rejected. It is
    continuous, with kinks.

    Args:
        dimension: Of the cube.
        depth: Couplings in each stage; two change all coordinates.
        width: Neurons in both hidden layers of a coupling.
        cells: Cells of a coupling's maps.
        marginal_cells: Cells of the marginal densities that come first.
        stages: Stages, after each of which coordinates leave; dimension - 1 at most.
        seed: Of the hidden weights.

    Raises:
        ValueError: A number is out of range.

    Reference:
        Zeng, Wan and Zhou, Bounded KRnet and its applications to density estimation and
        approximation, arXiv 2305.09063.

    Example:
        >>> import torch
        >>> flow = BoundedKRnet(2)
        >>> flow.log_prob(torch.tensor([[0.0, 1.0]], dtype=torch.float64)).exp().tolist()
        [1.0]
    """

    def __init__(
        self,
        dimension: int,
        *,
        depth: int = 4,
        width: int = 24,
        cells: int = 6,
        marginal_cells: int = 32,
        stages: int = 3,
        seed: int = 0,
    ) -> None:
        super().__init__(dimension)
        whole(depth=depth, width=width, marginal_cells=marginal_cells, stages=stages)
        if cells < 2:
            raise ValueError(f"cells={cells} must be at least 2.")
        self.depth, self.width, self.cells = depth, width, cells
        self.marginal_cells, self.active = marginal_cells, actives(dimension, stages)
        self.reset(seed)

    def build(self) -> Iterator[LazyTransform]:
        """Marginals, then stages of couplings."""
        yield Marginals(self.dimension, self.marginal_cells)
        for active in self.active:
            layers: list[LazyTransform] = [
                self._coupling(halves(active, k % 2 == 0)) for k in range(self.depth)
            ]
            yield Active(layers, active)

    def _coupling(self, kept: Tensor) -> LazyTransform:
        return Coupling(kept, (self.cells - 1, self.cells + 1), conditional_cdf, self.width)
