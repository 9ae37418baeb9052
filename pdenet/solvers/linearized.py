"""Residual rows with their weights, linearized: what second-order phases get from a solver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pdenet.optim import Linearization
from pdenet.solvers.distributed import gather, reduce
from pdenet.solvers.drawing import Drawing
from pdenet.tangent import Tangent


@dataclass
class WeightedTangent(Linearization):
    """Rows of a tangent times the square roots of their weights, shared by all processes.

    Args:
        loss: The loss over all processes.
        gradient: Its gradient, shape (P,).
        z: This process's weighted rows, shape (n,).
        shape: (N, P), rows of all processes.
        tangent: This process's unweighted rows.
        factors: What its rows are multiplied by, shape (n,).
        rows: Weighted rows at the parameters as they are, shape (n,).
        jacobian: This process's weighted J where it fits in memory; else None.
    """

    tangent: Tangent
    factors: Tensor
    rows: Callable[[], Tensor]
    jacobian: Tensor | None = field(default=None, repr=False)

    @classmethod
    def at(cls, tangent: Tangent, factors: Tensor, rows: Callable[[], Tensor]) -> WeightedTangent:
        """Linearizes at the parameters as they are.

        Args:
            tangent: Unweighted rows of this process.
            factors: What its rows are multiplied by, shape (n,).
            rows: Weighted rows at the parameters as they are, shape (n,).

        Returns:
            The linearization.
        """
        z = rows().double()
        n, p = tangent.shape
        count, square = reduce(z.new_tensor([n, float(z @ z)]), "sum").tolist()
        found = cls(0.5 * square, z, z, (int(count), p), tangent, factors, rows)
        if 8 * n * p <= tangent.max_bytes:
            found.jacobian = tangent.dense().double().mul_(factors[:, None])
        found.gradient = found.vjp(z)
        return found

    def dense(self) -> tuple[Tensor, Tensor | None]:
        """J and z of all processes."""
        blocks = [block for _, block in self._blocks()]
        assert self.z is not None
        jacobian = blocks[0] if len(blocks) == 1 else torch.cat(blocks)
        return gather(jacobian), gather(self.z)

    def normal(self) -> Tensor:
        """J^T J over all processes."""
        p = self.shape[1]
        total = self.factors.new_zeros((p, p), dtype=torch.float64)
        for _, block in self._blocks():
            total.addmm_(block.T, block)
        return reduce(total, "sum")

    def products(self, v: Tensor) -> Tensor:
        """J^T J times a block of vectors, (P, k) to (P, k)."""
        if self.jacobian is None and v.shape[1] == 1:
            return self.vjp(self.jvp(v[:, 0]))[:, None]
        total = torch.zeros_like(v)
        for _, block in self._blocks():
            total.addmm_(block.T, block @ v)
        return reduce(total, "sum")

    def jvp(self, v: Tensor) -> Tensor:
        """J v of this process."""
        if self.jacobian is not None:
            return self.jacobian @ v
        like = self.factors
        return (like * self.tangent.jvp(v.to(like))).double()

    def vjp(self, w: Tensor) -> Tensor:
        """J^T w over all processes."""
        if self.jacobian is not None:
            return reduce(w @ self.jacobian, "sum")
        return reduce(self.tangent.vjp(self.factors * w.to(self.factors)).double(), "sum")

    def gather(self, rows: Tensor) -> Tensor:
        """Rows of all processes."""
        return gather(rows)

    def residuals(self) -> Tensor:
        """Weighted rows of this process, now."""
        return self.rows().double()

    def evaluate(self) -> float:
        """The loss over all processes, now."""
        z = self.residuals()
        return 0.5 * float(reduce(z @ z, "sum"))

    def _blocks(self) -> Iterator[tuple[slice, Tensor]]:
        if self.jacobian is not None:
            yield slice(0, len(self.jacobian)), self.jacobian
            return
        for rows, block in self.tangent.blocks():
            yield rows, block.double().mul_(self.factors[rows, None])


def linearize(drawing: Drawing, weights: Mapping[str, Tensor], tangent: Tangent) -> WeightedTangent:
    """Weighted rows at a drawing's points, so that the loss is half their squared norm.

    Args:
        drawing: Points and the network.
        weights: The balance's weights by condition, shape () or (n,).
        tangent: J at this process's points, without weights.

    Returns:
        The linearization, at the parameters as they are.
    """
    # Of each row: the root of its share in the loss.
    roots = {name: drawing.factors(name, weights[name]) for name in tangent.rows}

    def rows() -> Tensor:
        with torch.no_grad():
            found = drawing.residuals(drawing.batch)
        parts = [(found[n].reshape(len(root), -1).mT * root).mT for n, root in roots.items()]
        return torch.cat([part.flatten() for part in parts])

    # Rows of the tangent come with 1 / sqrt(n) already.
    factors = []
    for name, root in roots.items():
        here = tangent.rows[name]
        per_point = (here.stop - here.start) // len(root)
        factors.append((root * len(root) ** 0.5).repeat_interleave(per_point))
    return WeightedTangent.at(tangent, torch.cat(factors), rows)
