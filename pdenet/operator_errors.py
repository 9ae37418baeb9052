"""How good an operator is: errors on functions that it has not seen, with their spread."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pdenet.conditions import OperatorData
from pdenet.functions import Ensemble
from pdenet.geometry import Points
from pdenet.metrics import FieldError, rms
from pdenet.operators import OperatorResiduals
from pdenet.problem import Problem
from pdenet.references.operators import OperatorReference
from pdenet.residuals import Residuals

UNSEEN = 100  # functions
POINTS = 2_000
FINE = 4  # times as many points, to see whether the error depends on them
FRESH_SEED = 7_919
_ROUND_OFF = 1e-12


@dataclass(frozen=True)
class OperatorError(FieldError):
    """Errors of one field over many functions: their mean, and how they scatter.

    Args:
        relative_l2: Mean over functions of the relative L2 error.
        relative_max: Mean over functions of the largest error over the largest exact value.
        note: Empty, or what makes these numbers differ from relative errors.
        spread: Of the relative L2 errors: ``deviation``, ``median``, ``ninetieth`` percentile and
            ``worst``.
        each: Relative L2 error of each function.
    """

    spread: Mapping[str, float] | None = None
    each: Tensor | None = None

    def plain(self) -> dict[str, float]:
        """The numbers by name, as a record stores them."""
        return {**super().plain(), **(self.spread or {})}


@dataclass(frozen=True, eq=False)
class OperatorComparison:
    """Reference solutions for unseen functions on a quadrature, computed once.

    Args:
        ensemble: The functions.
        points: Quadrature points.
        exact: Reference values by field, shape (m, n).
    """

    ensemble: Ensemble
    points: Points
    exact: Mapping[str, Tensor]

    @classmethod
    def of(cls, problem: Problem, n: int = POINTS) -> OperatorComparison | None:
        """The comparison of a problem, or None where there is nothing to compare with.

        Args:
            problem: A problem with input functions.
            n: About how many quadrature points.

        Returns:
            The comparison: with the reference's solutions, or with measured outputs held back.
        """
        ensemble = Ensemble.unseen(problem.inputs, UNSEEN)
        if isinstance(problem.reference, OperatorReference):
            points = problem.domain.quadrature(n)
            exact = problem.reference.solutions(ensemble.functions, points.x)
            return cls(ensemble, points, exact)
        for condition in problem.conditions.values():
            if isinstance(condition, OperatorData) and condition.own is None:
                points = condition.on.quadrature(1)
                tables = {n_: t[-len(ensemble) :] for n_, t in condition.tables.items()}
                return cls(ensemble, points, tables)
        return None

    def errors(self, residuals: Residuals) -> dict[str, FieldError]:
        """Errors of each field over all functions.

        Args:
            residuals: An operator's.

        Returns:
            By field.
        """
        assert isinstance(residuals, OperatorResiduals)
        values = residuals.values(self.ensemble, self.points.x)
        found: dict[str, FieldError] = {}
        columns = dict(zip(residuals.problem.shapes, values.unbind(-1), strict=False))
        for name, exact in self.exact.items():
            found[name] = operator_error(columns[name], exact, self.points.weight)
        return found


def operator_error(predicted: Tensor, exact: Tensor, weight: Tensor) -> OperatorError:
    """Errors of many functions, each in units of its own solution.

    Args:
        predicted: Shape (m, n).
        exact: The same shape.
        weight: Quadrature weights, shape (n,).

    Returns:
        Mean and spread.

    Raises:
        ValueError: Values are not finite, or shapes differ.

    Example:
        >>> exact = torch.ones(2, 3)
        >>> shift = torch.tensor([[0.1], [0.3]])
        >>> round(operator_error(exact + shift, exact, torch.ones(3)).relative_l2, 6)
        0.2
    """
    if predicted.shape != exact.shape or not bool(predicted.isfinite().all()):
        raise ValueError(
            f"Predictions have shape {tuple(predicted.shape)}, exact values {tuple(exact.shape)}; "
            "both must agree, and be finite."
        )
    error, size = ((weight * v.square()).sum(1).sqrt() for v in (predicted - exact, exact))
    each = torch.where(size > 0, error / size, error)
    worst, largest = (v.abs().amax(1) for v in (predicted - exact, exact))
    relative = torch.where(largest > 0, worst / largest, worst)
    spread = {
        "deviation": float(each.std()) if len(each) > 1 else 0.0,
        "median": float(each.median()),
        "ninetieth": float(each.quantile(0.9)),
        "worst": float(each.max()),
    }
    return OperatorError(float(each.mean()), float(relative.mean()), "", spread, each)


def operator_indicators(residuals: OperatorResiduals, points: int = 500) -> dict[str, Any]:
    """Root mean square residuals for training functions and for unseen ones, at fresh points.

    Args:
        residuals: An operator's.
        points: Points of each condition.

    Returns:
        As :func:`pdenet.accuracy.indicators`; ``overfit`` compares unseen functions with those of
        the training, by their errors where there is a reference, and ``error on finer points`` is
        the mean relative L2 error on four times as many points.
    """
    problem, unseen = residuals.problem, residuals.probes
    training = residuals.training_functions
    seen = unseen if training is None else training[: min(len(unseen), len(training))]
    sizes = [_sizes(residuals, ensemble, points) for ensemble in (seen, unseen)]
    ratios = [sizes[1][n] / v for n, v in sizes[0].items() if v > _ROUND_OFF]
    flat = [n for n in sizes[1] if problem.conditions[n].on.dimension < problem.domain.dimension]
    found: dict[str, Any] = {
        "training": sizes[0],
        "fresh": sizes[1],
        "overfit": max(ratios, default=1.0),
        "boundary": max((sizes[1][n] for n in flat), default=0.0),
    }
    if isinstance(problem.reference, OperatorReference):
        judged = Ensemble.unseen(problem.inputs, UNSEEN)
        before, after = (_errors(residuals, e, POINTS) for e in (seen, judged))
        found["overfit"] = max(after[n] / e for n, e in before.items() if e > 0)
        found["error on finer points"] = _errors(residuals, judged, FINE * POINTS)
    return found


def _sizes(residuals: OperatorResiduals, ensemble: Ensemble, points: int) -> dict[str, float]:
    """Root mean square residual of each equation over functions and fresh points."""
    fresh = {
        name: c.on.quadrature(points) if c.integral else c.on.sample(points, seed=FRESH_SEED)
        for name, c in residuals.problem.conditions.items()
        if not isinstance(c, OperatorData)
    }
    rows = residuals.in_chunks(fresh, ensemble)
    return {n: float(rms(r)) if bool(r.isfinite().all()) else math.inf for n, r in rows.items()}


def _errors(residuals: OperatorResiduals, ensemble: Ensemble, n: int) -> dict[str, float]:
    """Mean relative L2 error of each field on about n points."""
    reference = residuals.problem.reference
    assert isinstance(reference, OperatorReference)
    points = residuals.problem.domain.quadrature(n)
    exact = reference.solutions(ensemble.functions, points.x)
    found = OperatorComparison(ensemble, points, exact).errors(residuals)
    return {name: error.relative_l2 for name, error in found.items()}
