r"""Rows whose Gram matrix is the Gauss-Newton matrix of an energy.

An energy :math:`\int W(j)` of the jet j = (u, grad u, ...) has no residuals, but with the root C of
its curvature W'', clipped to positive semi-definite, rows C j with C kept fixed have the Jacobian
C dj, so that J^T J approximates the energy's Hessian; it is the Hessian where W is quadratic in j
and j linear in the parameters. With W = |grad u|^2 / 2 the rows are grad u.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pdenet.conditions import Condition
from pdenet.energy import Rayleigh, columns, curvature, factor
from pdenet.geometry import Points
from pdenet.jets import Jet
from pdenet.residuals import Batch, Residuals

PROBES = 8


class EnergyRows(nn.Module):
    """Rows of an energy's integrals, and of the essential conditions that are trained.

    Args:
        residuals: Network with its problem; it trains the energy's integrals and conditions.
    """

    def __init__(self, residuals: Residuals) -> None:
        super().__init__()
        self.residuals = residuals
        energy = residuals.problem.energy
        assert energy is not None
        self.own_rows = energy.own_rows
        self.curved = {n: self._curved(n) for n in energy.terms if n in residuals.conditions}
        if isinstance(energy, Rayleigh):
            self.curved["denominator"] = []

    @property
    def names(self) -> tuple[str, ...]:
        """Integrals with curvature, which loads have not, and trained conditions.

        A quotient has the rows of its numerator.
        """
        return tuple(name for name in self.residuals.conditions if self.curved.get(name) != [])

    @property
    def conditions(self) -> dict[str, Condition]:
        """The same, by name."""
        return {name: self.residuals.conditions[name] for name in self.names}

    def batch(self, name: str, points: Points) -> Batch:
        """Tensors of one condition's points."""
        return self.residuals.batch(name, points)

    def rows(self, name: str, batch: Batch) -> Tensor:
        """Rows at points: of an integral the root of its curvature times the jet.

        Args:
            name: An integral or a condition.
            batch: Its tensors.

        Returns:
            Shape (n, k), or (1,) for a condition that is one sum.
        """
        if name not in self.curved:
            return self.residuals.rows(name, batch)
        kept, x = self.curved[name], batch["x"]
        demand = self.residuals.problem.demands[name]
        jets = self.residuals.fields(x, demand.layout)
        given = {**batch, **dict(self.residuals.unknowns.items())}
        whole = curvature(demand, jets, x, given, self.own_rows)
        root = factor(whole[:, kept][:, :, kept]).detach()
        taken = {n: jets[n].channels for n in demand.names if n in demand.fields}
        return torch.einsum("nrm,nm->nr", root, columns(taken)[:, kept])

    def scale(self, name: str, points: Points) -> Tensor:
        """Roots of the quadrature weights, shape (n,); 1 for a condition that is one sum."""
        like = next(self.residuals.model.parameters())
        return (torch.ones(()) if self.is_sum(name) else points.weight.sqrt()).to(like)

    def is_sum(self, name: str) -> bool:
        """Whether a condition has one row, the sum over all of its points."""
        return self.residuals.is_sum(name)

    def _curved(self, name: str) -> list[int]:
        """Channels by which the density is not linear, tried at a few random jets."""
        problem = self.residuals.problem
        demand, condition = problem.demands[name], problem.known[name]
        batch = self.residuals.batch(name, condition.on.sample(PROBES, seed=0))
        x, generator = batch["x"], torch.Generator().manual_seed(0)

        def draw(shape: tuple[int, ...]) -> Jet:
            size = (len(demand.layout), len(x), *shape)
            return Jet(demand.layout, 0.5 + torch.rand(size, generator=generator).to(x))

        jets = {n: draw(shape) for n, shape in demand.fields.items()}
        given = {**batch, **{n: p.detach() for n, p in self.residuals.unknowns.items()}}
        found = curvature(demand, jets, x, given, self.own_rows)
        return torch.nonzero((found != 0).any(0).any(0)).flatten().tolist()
