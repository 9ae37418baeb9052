"""The law of a flow on a region, mixed with a floor of uniform points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pdenet.flows import Flow
from pdenet.geometry import Domain, Points, Region
from pdenet.geometry.box import Box

LEAST_ACCEPTED = 1e-3  # share of a flow's draws that must fall into the region


class CollapseError(Exception):
    """A flow that gives no usable points any more; the text says why."""


class FlowLaw:
    r"""Points of a region with density :math:`q = (1 - \varepsilon) p + \varepsilon / |\Omega|`.

    The flow's density on the bounding box, scaled to the unit cube, is conditioned on membership:
    what falls outside the region is rejected. Its mass in the region, by which p is divided, is
    estimated from the share that was accepted; on a box with a bounded flow it is 1 exactly. All
    densities here are relative to the uniform law of the region.

    Args:
        region: Of full dimension, with a membership test.
        flow: A density on the unit cube of as many dimensions.
        floor: Share epsilon of uniform points.

    Raises:
        ValueError: The region has no volume, or no membership test.
    """

    def __init__(self, region: Region, flow: Flow, floor: float) -> None:
        if region.dimension < len(region.coordinates) or not region.measure > 0:
            raise ValueError(
                f"Region {region.label!r} of dimension {region.dimension} in {region.coordinates} "
                "has no volume, so that no density of points can be adapted there."
            )
        if not isinstance(region, Domain):
            raise ValueError(
                f"Region {region.label!r} has no membership test, which a flow needs to reject "
                "points outside. State the condition on a Domain, or take --sampler rad."
            )
        self.region, self.flow, self.floor = region, flow, floor
        low, high = torch.tensor(list(region.bounds.values()), dtype=torch.float64).T
        self.low, self.edges = low, high - low
        self.cut = not isinstance(region, Box)
        self.exact = not self.cut and flow.margin == 0
        self.volume = float(region.measure / self.edges.prod())  # relative to the bounding box
        self.mass = self.volume  # of the flow in the region; the untrained flow is uniform

    def place(self, u: Tensor) -> Tensor:
        """Points of the region's bounding box from those of the unit cube, shape (n, d)."""
        return self.low + u * self.edges

    def log_density(self, u: Tensor) -> Tensor:
        """Logarithm of the flow's density, before division by its mass in the region.

        Args:
            u: Points of the region, scaled to the unit cube, shape (n, d).

        Returns:
            Shape (n,), with gradients.
        """
        return self.flow.log_prob(u) + math.log(self.volume)

    def inside(self, u: Tensor) -> Tensor:
        """Which points of a slightly larger cube lie in the region, shape (n, d) -> (n,)."""
        inside = ((u >= 0) & (u <= 1)).all(1)
        return inside & self.region.contains(self.place(u)) if self.cut else inside

    @torch.no_grad()
    def draw(
        self, n: int, words: Sequence[int], floor: float | None = None
    ) -> tuple[Tensor, Tensor]:
        """Draws points of the mixture.

        Args:
            n: Number of points.
            words: Seed.
            floor: Another share of uniform points than the law's own.

        Returns:
            Points scaled to the unit cube, shape (n, d), and the mixture's density relative to the
            uniform law, shape (n,).

        Raises:
            CollapseError: Densities are not finite, or almost nothing falls into the region.
        """
        floor = self.floor if floor is None else floor
        even = min(n - 1, max(1, round(floor * n))) if floor > 0 else 0
        u = self._from_flow(n - even, words)
        if even:
            uniform = self.region.sample(even, seed=(*words, 1), method="sobol")
            u = torch.cat([u, (uniform.x - self.low) / self.edges])
        q = self.mixed(u, even / n)
        if not bool((q.isfinite() & (q > 0)).all()):
            raise CollapseError("densities vanish or are not finite")
        return u, q

    def mixed(self, u: Tensor, floor: float) -> Tensor:
        """Density of the mixture, relative to the uniform law, shape (n, d) -> (n,)."""
        return (1 - floor) * self.log_density(u).exp() / self.mass + floor

    def points(self, n: int, words: Sequence[int]) -> Points:
        """The same as points of the region, with densities and importance weights.

        Args:
            n: Number of points.
            words: Seed.

        Returns:
            Points whose weights estimate integrals: consistently, or without bias where the
            flow's mass is exact.
        """
        return self.weighted(*self.draw(n, words))

    def weighted(self, u: Tensor, q: Tensor) -> Points:
        """Points of the region with densities and importance weights.

        Args:
            u: Points scaled to the unit cube, shape (n, d).
            q: Density that they were drawn from, relative to the uniform law, shape (n,).

        Returns:
            The points.
        """
        region, measure = self.region, self.region.measure
        x = self.place(u)
        return Points.trusted(
            region.coordinates, x, measure / (len(q) * q), q / measure, None, region.space
        )

    def at(self, u: Tensor) -> Points:
        """Points without weights of their own, for residuals; gradients flow to ``u``."""
        ones = torch.ones(len(u), dtype=torch.float64)
        region = self.region
        return Points.trusted(region.coordinates, self.place(u), ones, ones, None, region.space)

    def _from_flow(self, n: int, words: Sequence[int]) -> Tensor:
        """Points of the flow that lie in the region; updates its mass there."""
        if self.exact:
            return self.flow.sample(n, seed=words)
        kept, tried, found, turn = [], 0, 0, 0
        while found < n:
            wanted = math.ceil(1.1 * (n - found) / max(self.mass, LEAST_ACCEPTED)) + 32
            u = self.flow.sample(wanted, seed=(*words, 2, turn))
            mask = self.inside(u)
            kept.append(u[mask])
            tried, found, turn = tried + wanted, found + int(mask.sum()), turn + 1
            if found < LEAST_ACCEPTED * tried:
                raise CollapseError(f"of {tried} points {found} fell into {self.region.label!r}")
        self.mass = found / tried
        return torch.cat(kept)[:n]

    def state(self) -> dict[str, Any]:
        """Parameters and mass, for a checkpoint."""
        return {"flow": dict(self.flow.state_dict()), "mass": self.mass}

    def load(self, state: dict[str, Any]) -> None:
        """Takes back what :meth:`state` gave."""
        self.flow.load_state_dict({k: v.to("cpu") for k, v in state["flow"].items()})
        self.mass = state["mass"]
