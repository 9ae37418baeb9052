"""Weights by the traces of the blocks of the neural tangent kernel."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pdenet.balancing.base import Balance, GradientNorms
from pdenet.geometry import Points
from pdenet.tangent import RowSource, Tangent

FLOOR = 1e-5  # of the whole trace: a condition that hardly depends on the network gets no more


class NTK(Balance):
    r"""Weights inversely proportional to each condition's share of the kernel's trace.

    With J the Jacobian of the rows :math:`r_{c,i} / \sqrt{n_c}` and :math:`K = J J^T`, whose block
    :math:`K_{cc}` sets how fast condition c is learned,

    .. math:: \hat\lambda_c = \frac{\operatorname{tr} K}{\operatorname{tr} K_{cc}}, \qquad
        \operatorname{tr} K_{cc} = \operatorname{mean}_i \sum_k \|\nabla_\theta r_{c,i,k}\|^2,
        \qquad \lambda \leftarrow \alpha \lambda + (1 - \alpha) \hat\lambda.

    Norms are those of single rows, squared and then added, and carry no weights. They are taken at
    a part of the points, which keeps the cost at a few percent of training; the first weights are
    not averaged with anything.

    Args:
        weights: The user's own factors by condition.
        every: Steps between updates.
        average: Share alpha of the old weights that is kept.
        probe: Points of each condition that are looked at; integrals are taken whole.

    Raises:
        ValueError: A number is out of range.

    Reference:
        Wang, Yu and Perdikaris, When and why PINNs fail to train: a neural tangent kernel
        perspective, J. Comput. Phys. 449 (2022), equations 6.5 and 6.6 for several conditions.
    """

    needs = frozenset({"jacobian"})

    def __init__(
        self,
        *,
        weights: Mapping[str, float] | None = None,
        every: int = 100,
        average: float = 0.9,
        probe: int = 128,
    ) -> None:
        super().__init__(weights=weights, every=every)
        if not 0 <= average < 1 or probe < 1:
            raise ValueError(
                f"average={average} must lie in [0, 1), and probe={probe} must be at least 1."
            )
        self.average, self.probe = average, probe
        # In a list, so that the network does not become a part of this module.
        self._source: list[RowSource] = []
        self._tangents: dict[str, Tangent] = {}

    def attach(self, source: RowSource) -> None:
        """Takes the rows whose J is looked at.

        Args:
            source: Problem and network.
        """
        self._source, self._tangents = [source], {}

    def update(
        self,
        step: int,
        residuals: Mapping[str, Tensor],
        points: Mapping[str, Points],
        gradient_norms: GradientNorms,
    ) -> Mapping[str, Tensor | float]:
        """Weights of this step.

        Args:
            step: Step of the training.
            residuals: Rows of each condition.
            points: Points of each condition; of this process, where there are several.
            gradient_norms: Gives the gradients' norms; of no use here.

        Returns:
            A number for each condition.
        """
        if self.due(step):
            like = next(iter(residuals.values()))
            traces = torch.stack([self.trace(n, points[n]).to(like) for n in residuals])
            whole = traces.sum()
            target = whole / traces.clamp_min(FLOOR * whole)
            target = torch.where(whole > 0, target, torch.ones_like(target))
            old = self.memory.get("lambda", target)
            self.memory["lambda"] = self.average * old + (1 - self.average) * target
        known = self.memory.get("lambda")
        return {} if known is None else dict(zip(residuals, known.unbind(), strict=True))

    def trace(self, name: str, points: Points) -> Tensor:
        """Trace of a condition's block of K, over all processes.

        Args:
            name: The condition.
            points: Its points, of this process.

        Returns:
            Scalar.

        Raises:
            RuntimeError: Nothing is attached.
        """
        if not self._source:
            raise RuntimeError("NTK weights need the network: call attach(residuals) before.")
        (source,) = self._source
        found = next(p for _, p in source.named_parameters()).new_zeros(2)
        probes = points if source.is_sum(name) else self._probes(points, found)
        if len(probes):
            known = self._tangents.get(name)
            tangent = known.at({name: probes}) if known else Tangent(source, {name: probes})
            self._tangents[name] = tangent
            found[0], found[1] = len(probes) * tangent.squared_norms().sum(), len(probes)
        total = self.reduce(found, "sum")
        return total[0] / total[1]

    def _probes(self, points: Points, like: Tensor) -> Points:
        """Evenly spaced ones among the points of all processes."""
        rank, world = self.shard
        count = int(self.reduce(like.new_tensor(len(points)), "sum"))
        step = -(-count // self.probe)
        return points.select(torch.arange(rank, rank + world * len(points), world) % step == 0)
