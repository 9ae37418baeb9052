"""One network's fit of its last layer, with fresh points that say how good it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from pdenet.geometry import Points
from pdenet.linear_fit import (
    FitReport,
    LastLayerFit,
    ScaledRows,
    coefficients,
    continuity,
    flattened,
    points_on_face,
    set_flat,
    take_over,
)
from pdenet.residuals import Residuals
from pdenet.solvers.features.grading import Edges, moved_all

Values = Callable[[Tensor], Tensor]

CHECK_SEED = 4_099  # fresh points, which no sampler draws
CHECK_SHARE = 6  # one fresh point to so many points of the fit
FEWEST = 50
MOST_STEPS = 30  # Gauss-Newton steps


class Check:
    """Fresh points, the same for all networks, that say how good each is.

    Rows are scaled by the geometric mean of two scales: those of the network's own features, as in
    its fit, would let a wider range pass for a smaller residual; those of the first network would
    count every ripple of a wider range in full.

    Args:
        residuals: Problem and the first network.
        points: Points of every condition, for their numbers.
        weights: Factor of each condition's squares.
        scaled: Whether rows are scaled.
        edges: Of the first network's patches, where they are graded.
    """

    def __init__(
        self,
        residuals: Residuals,
        points: Mapping[str, Points],
        weights: Mapping[str, float],
        scaled: bool,
        edges: Edges = (),
    ) -> None:
        fresh = moved_all(_fresh(residuals, points), residuals.problem, edges)
        self.points, self.weights, self.scaled = fresh, weights, scaled
        self._first: Tensor | None = None
        self._own: tuple[Residuals, float, ScaledRows] | None = None
        unit, rows = self.of(residuals)
        self._first, self._own = rows.scales, (residuals, unit, rows)

    def of(self, residuals: Residuals) -> tuple[float, ScaledRows]:
        """Rows of a network at the fresh points, and their root mean square at zero coefficients.

        Args:
            residuals: Problem and network.

        Returns:
            The root mean square, 1 where it is zero; and the rows.
        """
        if self._own is not None and residuals is self._own[0]:
            return self._own[1:]
        parameters = coefficients(residuals)
        rows = ScaledRows([(residuals, self.points)], parameters, self.weights, self.scaled)
        kept = flattened(parameters)
        set_flat(parameters, _zeros(residuals, kept))
        rows.make_scales()
        if self._first is not None:
            assert rows.scales is not None
            rows.scales = (rows.scales * self._first).sqrt()
        unit = rows.root_mean_square() or 1.0
        set_flat(parameters, kept)
        return unit, rows


class NetworkFit:
    """Fits a network's last layer step by step, from zero, from its own values or from another's.

    Args:
        residuals: Problem and network.
        points: Points of every condition.
        check: Tells how good it is.
        start: Network whose values are taken over, by least squares; itself to go on from its own
            coefficients; None starts from zero.
        near: Values of points (n, coordinates) to start from in place of zero, if they leave less.
        linear: Whether the problem is linear.
        arguments: Those of :class:`LastLayerFit`.

    Attributes:
        residuals: Problem and network.
        report: What the last step found; None before the first.
        steps: Steps taken.
        fresh: Root mean square of the scaled residual at fresh points after the last step, over
            that of zero coefficients.
    """

    def __init__(
        self,
        residuals: Residuals,
        points: Mapping[str, Points],
        check: Check,
        *,
        start: Residuals | None = None,
        near: Values | None = None,
        linear: bool = False,
        **arguments: Any,
    ) -> None:
        self.residuals = residuals
        self._unit, self._check = check.of(residuals)
        most = max(len(p) for p in points.values())
        on_face = points_on_face(residuals.model, most)
        joints = continuity(residuals.problem, residuals.model, on_face)
        zeros = _zeros(residuals, flattened(coefficients(residuals)))
        origin = None if near is None else zeros
        self._fit = LastLayerFit(
            residuals, points, linear=linear, more=joints, origin=origin, **arguments
        )
        self.fresh, self.steps = math.nan, 0
        self.report: FitReport | None = None
        if start is residuals:
            return
        set_flat(self._fit.parameters, zeros)
        if linear:  # coefficients lose digits on the way from anywhere but zero
            return
        inside = next(p for p in points.values() if len(p) == most)
        if start is not None:
            take_over(residuals.model, start.model, inside)
            for name, constant in start.unknowns.items():
                with torch.no_grad():
                    residuals.unknowns[name].copy_(constant)
        elif near is not None:
            take_over(residuals.model, near, inside)
            if not self._check.root_mean_square() < self._unit:
                set_flat(self._fit.parameters, zeros)

    @property
    def reason(self) -> str:
        """Why no further step is due; empty while one is."""
        return self._fit.done or (f"{self.steps} steps are taken" if self._late else "")

    @property
    def converged(self) -> bool:
        """Whether the end is a minimum."""
        return self._fit.converged

    def terms(self) -> dict[str, float]:
        """Means of the squares of each condition's residuals after the last step."""
        return self._fit.rows.mean_squares()

    def left_in_patches(self) -> Tensor | None:
        """What the last step left in each patch.

        Returns:
            Sums of squares of scaled rows, shape (patches,); None where that is not known, as of
            few patches, which make one dense problem.
        """
        return self._fit.rows.left_in_patches()

    def step(self) -> None:
        """One Gauss-Newton step."""
        self.report = self._fit.step()
        self.steps += 1
        self.fresh = self._check.root_mean_square() / self._unit

    def state(self) -> dict[str, Any]:
        """What further steps depend on; plain data."""
        return {**self._fit.state(), "steps": self.steps}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Takes back what :meth:`state` gave.

        Args:
            state: Its result.
        """
        self._fit.load_state(state)
        self.steps = state["steps"]

    @property
    def _late(self) -> bool:
        return self.steps >= MOST_STEPS


def _zeros(residuals: Residuals, kept: Tensor) -> Tensor:
    """Zero for the network; unknown constants, which come last, start where the problem says."""
    zeros = torch.zeros_like(kept)
    count = sum(p.numel() for p in residuals.unknowns.parameters())
    if count:
        zeros[-count:] = kept[-count:]
    return zeros


def _fresh(residuals: Residuals, points: Mapping[str, Points]) -> dict[str, Points]:
    """Points that the fit does not see; where a region has no others, its own."""
    found = {}
    for name, condition in residuals.conditions.items():
        if condition.on.dimension == 0:
            found[name] = points[name]
            continue
        n = max(FEWEST, len(points[name]) // CHECK_SHARE)
        draw = condition.on
        found[name] = draw.quadrature(n) if condition.integral else draw.sample(n, seed=CHECK_SEED)
    return found
