"""Watches the effective rank of the kernel at fixed probe points."""

from __future__ import annotations

from typing import Any

from pdenet.callbacks.diagnosis import Diagnosis, Entry
from pdenet.callbacks.probe import Probe
from pdenet.diagnostics import CONVENTION
from pdenet.solvers import Solver


class EffectiveRank(Diagnosis):
    """Measures effective rank, with bounds, and what else says why training is slow.

    It is taken of the eigenvalues of K = J J^T over all trained conditions, without the balance's
    weights. Where the smaller side of J is above 1024, leading eigenpairs are followed instead,
    and the rank lies between proven bounds. Logged are ``effective_rank``, with ``_lower`` and
    ``_upper`` where they differ; ``least_squares_floor``, the part of the residual that the last
    layer alone could not remove; and ``residual_rate``, the speed of gradient descent here as a
    part of the fastest.

    By default it costs about 1 % of the CPU seconds of training on burgers and poisson-2d, 3.5 % on
    the lid-driven cavity, whose equations give twice the rows.

    Args:
        every: Optimizer steps between two measurements; None measures at start and end alone.
        points: Probe points in the interior; see :class:`~pdenet.callbacks.Probe`.
        probe: Probe points to share with other callbacks, in place of ``points``.

    Raises:
        ValueError: A number is below 1, or there are both ``points`` and a probe.

    Reference:
        Chen, Zhou, Yang, Xiang, Luo, Quantifying training difficulty and accelerating convergence
        in neural network-based PDE solvers, arXiv 2410.06308.
    """

    topic = "effective_rank"

    def __init__(
        self, every: int | None = 100, points: int | None = None, *, probe: Probe | None = None
    ) -> None:
        if points is not None and probe is not None:
            raise ValueError("EffectiveRank takes points or a probe, which has points, not both.")
        if points is not None:
            probe = Probe(points)
        super().__init__(every, probe)
        self._probed: dict[str, Any] = {}

    @property
    def values(self) -> list[float]:
        """What was measured, dimensionless."""
        return [entry["effective_rank"] for entry in self.history]

    @property
    def record(self) -> dict[str, Any] | None:
        """``{initial, final, convention}`` as a record holds it; None without measurements."""
        if not self.history:
            return None
        return {"initial": self.values[0], "final": self.values[-1], "convention": CONVENTION}

    def look(self, solver: Solver) -> Entry:
        """Effective rank with its bounds, the last layer's floor, and the residual's rate."""
        moment = self.probe.now
        bounds = moment.spectrum.bounds
        entry: Entry = {"effective_rank": bounds.estimate}
        if bounds.lower < bounds.upper:
            entry |= {"effective_rank_lower": bounds.lower, "effective_rank_upper": bounds.upper}
        if solver.row_source is solver.residuals:  # rows of an energy are no residuals
            entry["residual_rate"] = moment.rate
            if moment.floor is not None:
                entry["least_squares_floor"] = moment.floor
        return entry

    def summary(self) -> dict[str, Any] | None:
        """The measurements, and what they are of."""
        if not self.history:
            return None
        return {"convention": CONVENTION, "probe": self._probed, "history": self.history}

    def begin(self, solver: Solver) -> None:
        """Takes down what the probe is."""
        self._probed = self.probe.describe()

    def state_dict(self) -> dict[str, Any]:
        """The measurements so far and the eigenpairs that are followed, for a checkpoint."""
        tracked = self.probe.tracked.state_dict()
        return {**super().state_dict(), "probe": self._probed, "tracked": tracked}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on with the measurements of a checkpoint."""
        super().load_state_dict(state_dict)
        self._probed = dict(state_dict["probe"])
        self.probe.tracked.load_state_dict(state_dict["tracked"])
