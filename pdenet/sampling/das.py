"""Deep adaptive sampling: a flow is fitted to the residual, stage after stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from pdenet.flows import FLOWS
from pdenet.geometry import Points
from pdenet.sampling.adaptive import AdaptiveSampler, Turn, joined, require
from pdenet.sampling.base import Share
from pdenet.sampling.law import CollapseError, FlowLaw


class DeepAdaptiveSampler(AdaptiveSampler):
    r"""Fits a flow p to :math:`r^2` and draws from it: DAS-R replaces the set, DAS-G grows it.

    At the end of each stage of ``every`` steps, cross entropy is minimized on points of the flow
    before, with its densities q as importance weights,

    .. math:: -\frac1m \sum_i \frac{r^2(x_i)}{q(x_i)} \log p(x_i).

    Unlike the adversarial sampler it has no regularization but the flow's own smoothness, and the
    network is trained to the end of a stage before the points move.

    Args:
        points: Points in the interior, at the end where the set grows.
        boundary_points: Points on each region of lower dimension.
        every: Steps of a stage.
        counts: Points of single conditions by name.
        grow: Whether stages add points (DAS-G) instead of replacing them (DAS-R).
        stages: Stages over which a growing set gets its points.
        flow: The density: bounded-krnet, krnet.
        depth: Couplings in each stage of the flow.
        width: Neurons in the flow's hidden layers.
        flow_steps: Steps of the flow at the end of each stage.
        lr: Learning rate of the flow.
        pool: Points on which the flow is fitted.
        floor: Share of uniform points in what is drawn.

    Raises:
        ValueError: A number is out of range, or an option unknown.

    Reference:
        Tang, Wan and Yang, DAS-PINNs, J. Comput. Phys. 476 (2023) 111868, arXiv 2112.14038.
    """

    def __init__(
        self,
        *,
        points: int = 2048,
        boundary_points: int = 256,
        every: int = 1000,
        counts: Mapping[str, int] | None = None,
        grow: bool = False,
        stages: int = 5,
        flow: str = "bounded-krnet",
        depth: int = 2,
        width: int = 16,
        flow_steps: int = 200,
        lr: float = 1e-2,
        pool: int = 2000,
        floor: float = 0.1,
    ) -> None:
        super().__init__(points=points, boundary_points=boundary_points, every=every, counts=counts)
        require(
            self,
            stages=(stages, stages >= 1, "at least 1"),
            flow=(flow, flow in FLOWS, f"one of {', '.join(FLOWS)}"),
            flow_steps=(flow_steps, flow_steps >= 1, "at least 1"),
            lr=(lr, 0 < lr < float("inf"), "positive and finite"),
            pool=(pool, pool >= 10, "at least 10"),
            floor=(floor, 0 <= floor < 1, "at least 0 and below 1"),
        )
        self.grow, self.stages, self.flow = grow, stages, flow
        self.depth, self.width, self.flow_steps, self.lr = depth, width, flow_steps, lr
        self.pool, self.floor = pool, floor
        # Points of several laws together have none that could be stated.
        self.consistent = not grow
        self._states: dict[str, dict[str, Any]] = {}

    def forget(self) -> None:
        """Back to uniform flows."""
        super().forget()
        self._states = {}

    def first(self, share: Share) -> int:
        """Number of points in the first stage."""
        return -(-share.count // self.stages) if self.grow else share.count

    def renew(self, turn: Turn) -> Points:
        """Fits the flow, and draws from it.

        Args:
            turn: The adaptation.

        Returns:
            The next set.
        """
        law, name = self._law(turn.share), turn.share.names[0]
        count = min(self.first(turn.share), turn.share.count - len(turn.now) * self.grow)
        if count <= 0:
            return turn.now
        try:
            self._fit(law, turn)
            points = law.points(count, turn.words)
            self._states[name] = law.state()
        except CollapseError as error:
            self._states.pop(name, None)
            self.history.warn(f"Step {turn.step}: the flow collapsed ({error}); it starts again.")
            points = turn.uniform(count)
        return joined(turn.now, points, turn.region.measure) if self.grow else points

    def _law(self, share: Share) -> FlowLaw:
        d, seed = len(share.region.coordinates), share.words(self.seed, 0)[-1]
        flow = FLOWS[self.flow](d, depth=self.depth, width=self.width, seed=seed)  # type: ignore[call-arg]
        law = FlowLaw(share.region, flow, self.floor)
        saved = self._states.get(share.names[0])
        if saved is not None:
            law.load(saved)
        return law

    @torch.enable_grad()
    def _fit(self, law: FlowLaw, turn: Turn) -> None:
        """Cross entropy on points of the law before."""
        u, q = law.draw(self.pool, (*turn.words, 3))
        weight = turn.squares(law.at(u)) / q
        if not weight.sum() > 0:
            return
        weight = weight / weight.sum()
        parameters = list(law.flow.parameters())
        optimizer = torch.optim.Adam(parameters, lr=self.lr)
        for _ in range(self.flow_steps):
            loss = -(weight * law.flow.log_prob(u)).sum()
            for p, g in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                p.grad = g
            optimizer.step()

    def get_extra_state(self) -> dict[str, Any]:
        """Sets, history and flows."""
        return {**super().get_extra_state(), "flows": self._states}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Takes back what :meth:`get_extra_state` gave."""
        super().set_extra_state(state)
        self._states = dict(state["flows"])
