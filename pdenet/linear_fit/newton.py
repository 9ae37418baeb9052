"""Gauss-Newton on the last layer; for a linear problem one step is the answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pdenet.geometry import Points
from pdenet.linear_fit.dense import CUT, MAX_BYTES, Solution
from pdenet.linear_fit.last_layer import coefficients
from pdenet.linear_fit.rows import ScaledRows
from pdenet.linear_fit.solve import LinearModel, check_memory, solve_rows
from pdenet.linear_fit.sources import Sources, flattened, set_flat
from pdenet.residuals import Residuals

HALVINGS = 20
MOST_STEPS = 50
FORCING = 1e-2  # of the first step, where rows are not affine in the coefficients
QUICK = 0.1  # what a step may leave of the residual for another by the same linear model
CLOSE = 0.02  # to the least residual of the linear model: another step has nothing to gain
SMALL = 1e-4  # of the residual at the origin: there a linear model that held is trusted
# What a linear model promises changes from one of its steps to the next: by so much, times the part
# of the residual where it was made, before its last promise is the least.
DRIFT = 1e-3
ROUND_OFF = 1e-12


@dataclass(frozen=True)
class FitReport:
    """What one step of a fit of the last layer found.

    Args:
        rows: Rows of the least-squares problem.
        columns: Coefficients.
        rank: Columns that the step used.
        numerical_rank: Columns above the cut.
        condition: Estimated condition number of those used.
        before: Norm of the scaled residual before the step.
        after: The same after it.
        length: Length of the step; 1 where the linear model holds, 0 where no step helped.
    """

    rows: int
    columns: int
    rank: int
    numerical_rank: int
    condition: float
    before: float
    after: float
    length: float


class LastLayerFit:
    """Fits the last layer to a problem's residual rows at given points.

    Minimizes the sum of squares of scaled rows (:class:`ScaledRows`) by Gauss-Newton steps with
    backtracking, each solved by orthogonal factors in float64. For a linear problem the first step
    ends at the minimum. For others early steps are inexact, as far as their linear model is worth.

    Args:
        residuals: Problem and network, in float64.
        points: Points of every condition.
        linear: Whether the rows are known to be affine in the fields: the first step is then exact.
        more: Further sources of rows, such as continuity between patches.
        weights: Factor of each condition's squares; 1 where absent.
        scaled: Whether rows are scaled.
        weighted: Whether the points' quadrature weights count.
        cut: Relative cut of the pivots.
        max_bytes: Bound on the memory of the least-squares problem.
        origin: Coefficients where rows get their scales, and whose residual others are parts of;
            those at the start by default.

    Attributes:
        done: Why no further step is due; empty while one is.
        converged: Whether the end is a minimum.
        first: Norm of the scaled residual at the origin; NaN before the first step.

    Raises:
        ValueError: The network is not in float64, does not end in a linear layer, or the problem
            does not fit in memory.

    Reference:
        Eisenstat and Walker, Choosing the forcing terms in an inexact Newton method, SIAM J. Sci.
        Comput. 17(1), 1996, 16-32; for further steps by one linear model Deuflhard, Newton Methods
        for Nonlinear Problems, Springer, 2004, section 2.1.2 (simplified Newton method).
    """

    def __init__(
        self,
        residuals: Residuals,
        points: Mapping[str, Points],
        *,
        linear: bool = False,
        more: Sources = (),
        weights: Mapping[str, float] | None = None,
        scaled: bool = True,
        weighted: bool = False,
        cut: float = CUT,
        max_bytes: int = MAX_BYTES,
        origin: Tensor | None = None,
    ) -> None:
        if (dtype := next(residuals.model.parameters()).dtype) != torch.float64:
            raise ValueError(
                f"Least squares of the last layer needs float64, but the network has {dtype}; use "
                "--precision 64."
            )
        self.parameters = coefficients(residuals)
        self.cut, self.max_bytes = cut, max_bytes
        sources = [(residuals, points), *more]
        self.rows = ScaledRows(sources, self.parameters, weights, scaled, weighted)
        check_memory(self.rows, max_bytes)
        self.done, self.converged, self.first = "", False, math.nan
        self._linear, self._origin = linear, origin
        self._forcing = 0.0 if linear else FORCING

    def step(self) -> FitReport:
        """One Gauss-Newton step.

        Returns:
            What it found; :attr:`done` says whether another one is due.
        """
        if math.isnan(self.first) and self._origin is not None:
            self.first = self._scaled_at(self._origin)
        model = solve_rows(self.rows, self.cut, self._forcing, self.max_bytes)
        solution, before = model.solution, model.before
        if math.isnan(self.first):
            self.first = before
        length, after = self._search(solution, before)
        least, change = solution.least, 0.0
        if length == 1.0 and not self._linear and model.solves_again:
            after, least, change = self._correct(model, after)
        self._judge(length, before, after, least, change)
        # Exact steps far from the solution are wasted, and their coefficients large.
        self._forcing = min(self._forcing, 0.9 * (after / before) ** 2) if before else 0.0
        return FitReport(
            rows=model.count,
            columns=self.rows.columns,
            rank=solution.rank,
            numerical_rank=solution.numerical_rank,
            condition=solution.condition,
            before=before,
            after=after,
            length=length,
        )

    def state(self) -> dict[str, Any]:
        """What further steps depend on: coefficients, scales of the rows, exactness; plain data."""
        return {
            "coefficients": flattened(self.parameters),
            "scales": self.rows.scales,
            "first": self.first,
            "forcing": self._forcing,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Takes back what :meth:`state` gave, so that the next step is the one that was due.

        Args:
            state: Its result.
        """
        set_flat(self.parameters, state["coefficients"])
        self.rows.scales = state["scales"]
        self.first, self._forcing = state["first"], state["forcing"]

    def _scaled_at(self, origin: Tensor) -> float:
        """Scales rows as they are at the origin; the norm of their values there."""
        present = flattened(self.parameters)
        set_flat(self.parameters, origin)
        self.rows.make_scales()
        norm = self.rows.norm()
        set_flat(self.parameters, present)
        return norm

    def _search(self, solution: Solution, before: float) -> tuple[float, float]:
        """The longest of the steps 1, 1/2, 1/4, ... that lowers the residual enough."""
        start, length = flattened(self.parameters), 1.0
        for _ in range(HALVINGS):
            set_flat(self.parameters, torch.lerp(start, solution.x, length))
            after = self.rows.norm()
            wanted = before - 1e-4 * length * (before - solution.residual)
            if math.isfinite(after) and after <= wanted:
                return length, after
            length /= 2
        set_flat(self.parameters, start)
        return 0.0, before

    def _correct(self, model: LinearModel, after: float) -> tuple[float, float, float]:
        """Goes on by the same linear model while that is quick: a small part of a step's work.

        Args:
            model: The linear model of the step before.
            after: Norm of the scaled residual after that step.

        Returns:
            The norm in the end, the least that the linear model promised, and by what part that
            changed in the last of its steps.
        """
        promised, rate = model.solution.residual, after / (model.before or math.inf)
        round_off, change = model.solution.least - promised, 0.0
        while rate <= QUICK and after > (1 + CLOSE) * promised:
            start, found = flattened(self.parameters), model.step_from(self.rows.values())
            set_flat(self.parameters, start + found.x)
            norm = self.rows.norm()
            if not norm < after:
                set_flat(self.parameters, start)
                break
            change = abs(promised - found.residual) / (found.residual or math.inf)
            rate, after, promised = norm / after, norm, found.residual
        return after, promised + round_off, change

    def _judge(
        self, length: float, before: float, after: float, least: float, change: float
    ) -> None:
        trusted = after <= SMALL * self.first and change * before <= DRIFT * self.first
        floor = (1 + CLOSE) * least + ROUND_OFF * self.first
        if length == 0.0:
            self.converged = after <= 1e-6 * self.first or least >= 0.9 * after
            self.done = "no step along the Gauss-Newton direction lowers the residual"
        elif after <= floor and (self._linear or trusted or before <= floor):
            # Where it is not to be trusted, another linear model may promise more than this one.
            self.converged = True
            self.done = "the residual is the least that its linear model promises"
        elif self._linear and after <= 2 * least:
            self.converged = True
            self.done = "the rows are linear, and solved up to the round-off of large coefficients"


def fit_last_layer(
    residuals: Residuals, points: Mapping[str, Points], most: int = MOST_STEPS, **arguments: object
) -> list[FitReport]:
    """Fits the last layer until nothing is gained.

    Args:
        residuals: Problem and network.
        points: Points of every condition.
        most: Gauss-Newton steps at most.
        arguments: Those of :class:`LastLayerFit`.

    Returns:
        What each step found.
    """
    fit = LastLayerFit(residuals, points, **arguments)  # type: ignore[arg-type]
    reports: list[FitReport] = []
    while not fit.done and len(reports) < most:
        reports.append(fit.step())
    return reports
