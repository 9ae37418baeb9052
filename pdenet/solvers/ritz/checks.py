"""Energies that cannot be minimized: without weights, or without a minimum."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from pdenet.energy import Integrand, Rayleigh
from pdenet.geometry import Points
from pdenet.jets import Jet
from pdenet.optim import Phase, VariableProjection

if TYPE_CHECKING:
    from pdenet.solvers.deep_ritz import DeepRitz

FIRST_LOOK = 100  # steps; by then the size of the fields is that of the data
RAY = tuple(10.0**k for k in range(7))
SHORT = 3  # first numbers of the ray that must fall once the energy is far below its start
FAR = 1e6  # times the absolute energy at the start


def check_weights(name: str, term: Integrand, points: Points, sampler: str) -> None:
    """Refuses points whose weights do not add up to the region's measure.

    Args:
        name: The integral.
        term: Its region is what is covered.
        points: Points that a sampler drew.
        sampler: What drew them.

    Raises:
        ValueError: The weights are not finite, or their sum is off by half or more. Random weights
            may be off by some percent.
    """
    total, measure = float(points.weight.sum()), term.on.measure
    if not (math.isfinite(total) and abs(total - measure) < 0.5 * measure):
        raise ValueError(
            f"The points that {sampler} draws on {term.on.label!r} for the energy's integral "
            f"{name!r} have weights that sum to {total:.4g}, but the region measures "
            f"{measure:.4g}; an energy needs quadrature weights. Use QuadratureSampler, "
            "SobolSampler, StratifiedSampler or UniformSampler, or set Points.weight."
        )


def check_phases(phases: Sequence[Phase], rows: Sequence[str]) -> None:
    """Refuses optimizers that want more than an energy has.

    Args:
        phases: Phases of the training.
        rows: Integrals and conditions that have rows of a Gauss-Newton matrix.

    Raises:
        ValueError: A phase wants residuals; or a Jacobian, where no density is curved.
    """
    for phase in phases:
        if isinstance(phase, VariableProjection):
            raise ValueError(
                f"The optimizer {phase.name} wants residuals, which an energy has not. Take "
                "levenberg-marquardt, engd or adam-ssbroyden."
            )
        if phase.consumes == "jacobian" and not rows:
            raise ValueError(
                f"The energy is linear in its fields, so that {phase.name} finds no curvature, and "
                "it has no minimum. Check its density."
            )


@dataclass
class Fall:
    """Watches whether an energy falls without limit.

    An energy that still falls when its fields are made a million times larger has no minimum. Where
    fields grow along one direction only (a load without a support), a hundred times have to do, but
    only once the energy is far below its start.

    Args:
        size: Absolute energy at the first look.
        next_look: Step at which to look again.
    """

    size: float | None = None
    next_look: int = FIRST_LOOK

    def reason(self, solver: DeepRitz) -> str | None:
        """Why an energy is taken to have no minimum, or None.

        Args:
            solver: The solver in training.

        Returns:
            A sentence.
        """
        loss, step = solver.loss, solver.progress.step
        if self.size is None:
            self.size = max(1e-3, abs(_along(solver, (1.0,))[0]))
        far = loss < -FAR * self.size
        if isinstance(solver.energy, Rayleigh):
            return f"the quotient fell to {loss:.2e}" if far else None
        if not far and step < self.next_look:
            return None
        self.next_look = 2 * max(step, FIRST_LOOK)
        values = _along(solver, RAY[: SHORT if far else len(RAY)])
        falls = all(a > b > -math.inf for a, b in itertools.pairwise(values))
        if not falls:
            return None
        return (
            f"the energy is {values[0]:.2e}, and {values[-1]:.2e} with fields "
            f"{RAY[len(values) - 1]:.0e} times as large: it has no minimum. Check signs, loads and "
            "supports"
        )


@torch.no_grad()
def _along(solver: DeepRitz, factors: tuple[float, ...]) -> list[float]:
    """The objective of the fields times some factors."""
    residuals, problem = solver.residuals, solver.problem
    values = []
    for factor in factors:
        rows = {}
        for name, condition in residuals.conditions.items():
            batch, demand = solver.drawing.batch[name], problem.demands[name]
            if condition.paired:
                rows[name] = factor * residuals.rows(name, batch)
                continue
            jets = residuals.fields(batch["x"], demand.layout)
            larger = {n: Jet(j.layout, factor * j.channels) for n, j in jets.items()}
            rows[name] = residuals.rows_of(name, larger, batch)
        values.append(float(solver.objective(rows, {})))
    return values
