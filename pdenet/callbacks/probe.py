"""Fixed points at which callbacks look at J; what one of them computes, the others have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from pdenet.diagnostics import (
    BlockKernel,
    RankBounds,
    TrackedSpectrum,
    effective_rank,
    least_squares_floor,
    residual_rate,
    spectrum,
)
from pdenet.geometry import Points
from pdenet.linear_fit.last_layer import coefficients
from pdenet.residuals import Residuals
from pdenet.sampling import UniformSampler
from pdenet.solvers import Solver
from pdenet.solvers.ritz.rows import EnergyRows
from pdenet.tangent import Linearization, Tangent

PROBE_SEED = 2024  # not the training points: their law may change while training
POINTS, ROWS = 256, 512  # by default
MAX_ENTRIES = 5e7  # of J: about a second on one core
GENERAL = 5.0  # how much more an entry costs where rows do not come from linear layers
DENSE = 1024  # of the smaller side, up to which a full decomposition takes less than a second


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues of the kernel at one moment.

    Args:
        values: Largest first, shape (n,), or (k,) where only leading ones were found.
        bounds: Of effective rank; both are the value itself where all eigenvalues are known.
        trace: Sum of all eigenvalues.
    """

    values: Tensor
    bounds: RankBounds
    trace: float


class Probe:
    """Points of every trained condition, drawn once, and what is seen there of a solver.

    Callbacks that share a probe share J: it is computed once for all of them at each moment.

    Args:
        points: Probe points in the interior; 256 by default, or fewer where these would give more
            than 512 rows, so that a look costs about as much as a step of training.
        boundary_points: On each boundary region; a quarter of the points by default.
        max_entries: Entries of J above which nothing is looked at; a fifth of it where rows do not
            come from linear layers. Up to it a look takes about a second on one core.
        seed: Seed of the points; they are not the training points.

    Raises:
        ValueError: A number is below 1.
    """

    def __init__(
        self,
        points: int | None = None,
        boundary_points: int | None = None,
        *,
        max_entries: float = MAX_ENTRIES,
        seed: int = PROBE_SEED,
    ) -> None:
        if any(n is not None and n < 1 for n in (points, boundary_points, max_entries)):
            raise ValueError(
                f"Probe(points={points}, boundary_points={boundary_points}, "
                f"max_entries={max_entries}) needs numbers of at least 1."
            )
        self.points, self.boundary_points = points, boundary_points
        self.max_entries, self.seed = max_entries, seed
        self.tracked = TrackedSpectrum()
        self._bound: tuple[Solver, Tangent] | None = None
        self._moment: tuple[Tensor, Moment] | None = None
        self._last: list[slice] = []

    def bind(self, solver: Solver) -> None:
        """Draws the points for a solver, unless it has them.

        Args:
            solver: The solver in training.

        Raises:
            ValueError: J would be too large.
        """
        if self._bound is not None and self._bound[0] is solver:
            return
        source = solver.row_source
        drawn = self._draw(source, self.points or POINTS)
        trained = sum(p.numel() for p in source.parameters() if p.requires_grad)
        # A lower bound of J's size refuses the hopeless before anything is computed.
        self._require(trained * sum(len(p) for p in drawn.values()), 1.0)
        tangent = Tangent(source, drawn)
        if self.points is None and tangent.shape[0] > ROWS:
            tangent = tangent.at(self._draw(source, POINTS * ROWS // tangent.shape[0] or 1))
        slow = set(tangent.general) - {n for n in drawn if source.is_sum(n)}
        self._require(tangent.shape[0] * tangent.shape[1], GENERAL if slow else 1.0)
        self._bound, self._moment = (solver, tangent), None
        self._last = _last_columns(solver.residuals, tangent)

    def release(self) -> None:
        """Lets go of the solver and what was computed; callbacks may outlive a training."""
        self._bound = self._moment = None

    @property
    def now(self) -> Moment:
        """What there is to see at the parameters as they are.

        Raises:
            ValueError: The probe is not bound to a solver.
        """
        if self._bound is None:
            raise ValueError("Call bind(solver) before looking.")
        solver, tangent = self._bound
        here = torch.cat([p.detach().flatten() for p in solver.residuals.parameters()])
        if self._moment is None or not torch.equal(self._moment[0], here):
            self._moment = (here, Moment(tangent, self._last, self.tracked))
        return self._moment[1]

    def describe(self) -> dict[str, Any]:
        """Points and the size of J, as a record holds them."""
        if self._bound is None:
            return {}
        rows, columns = self._bound[1].shape
        counts = {name: part.total for name, part in self._bound[1].parts.items()}
        return {"points": counts, "rows": rows, "parameters": columns}

    def _draw(self, source: Residuals | EnergyRows, points: int) -> dict[str, Points]:
        """Probe points of every trained condition; of measurements, at most so many."""
        boundary = self.boundary_points or max(1, points // 4)
        sampler = UniformSampler(points=points, boundary_points=boundary, every=None)
        sampler.bind({name: c.on for name, c in source.conditions.items()}, self.seed)
        drawn = dict(sampler.draw(0))
        for name, condition in source.conditions.items():
            if condition.integral:
                drawn[name] = condition.on.quadrature(len(drawn[name]))
            elif len(drawn[name]) > points:
                stride = -(-len(drawn[name]) // points)
                drawn[name] = drawn[name].select(slice(0, None, stride))
        return drawn

    def _require(self, entries: int, price: float) -> None:
        if entries * price > self.max_entries:
            raise ValueError(
                f"J would have {entries:.0e} entries at {self.points or POINTS} probe points, "
                f"more than {self.max_entries / price:.0e}; take fewer points, or raise "
                "Probe(max_entries=...)."
            )


class Moment:
    """J and what follows from it, at the parameters of one moment; computed on demand, once.

    Args:
        tangent: J at the probe points.
        last: Columns of the last layer's parameters; none where the network does not end in one.
        tracked: Carries leading eigenpairs from moment to moment, where J is large.
    """

    def __init__(self, tangent: Tangent, last: Sequence[slice], tracked: TrackedSpectrum) -> None:
        self.tangent, self._last, self._tracked = tangent, last, tracked

    @cached_property
    def linearization(self) -> Linearization:
        """Rows and the factors of J."""
        return self.tangent.linearize()

    @property
    def z(self) -> Tensor:
        """Residual rows, scaled as J's, shape (N,)."""
        return self.linearization.z

    @property
    def rows(self) -> dict[str, slice]:
        """Rows of each condition."""
        return self.tangent.rows

    @cached_property
    def kernel(self) -> Tensor:
        """K = J J^T, shape (N, N)."""
        return self.linearization.gram().double()

    @cached_property
    def spectrum(self) -> Spectrum:
        """Eigenvalues: all of them where the smaller side of J is small, else leading ones."""
        rows, columns = self.tangent.shape
        if min(rows, columns) > DENSE:
            found = self._tracked.update(BlockKernel(self.linearization))
            return Spectrum(found.values, found.bounds, found.trace)
        matrix = self.kernel if rows <= columns else self.linearization.normal()[0]
        values = spectrum(matrix)
        rank = float(effective_rank(values))
        return Spectrum(values, RankBounds(rank, rank, rank, 0.0), float(values.sum()))

    @cached_property
    def rate(self) -> float:
        """How fast gradient descent is here, as :func:`~pdenet.diagnostics.residual_rate`."""
        gradient = self.linearization.vjp(self.z)
        return float(residual_rate(gradient, self.z, float(self.spectrum.values[0])))

    @cached_property
    def floor(self) -> float | None:
        """What the last layer could reach; None where the network does not end in one."""
        if not self._last:
            return None
        blocks = (block for _, block in self.linearization.blocks())
        last = torch.cat([torch.cat([b[:, c] for c in self._last], dim=1) for b in blocks])
        return float(least_squares_floor(last, self.z))


def _last_columns(residuals: Residuals, tangent: Tangent) -> list[slice]:
    try:
        wanted = {id(p) for p in coefficients(residuals)}
    except (ValueError, TypeError):  # it has no last layer, or takes more than coordinates
        return []
    named = residuals.named_parameters()
    return [tangent.columns[n] for n, p in named if id(p) in wanted and n in tangent.columns]
