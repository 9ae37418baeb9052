"""How good an operator is: errors on functions that it has not seen, with their spread."""

from __future__ import annotations

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


@dataclass(frozen=True)
class OperatorError(FieldError):
    """Errors of one field over many functions: their mean, and how they scatter.

    Args:
        relative_l2: Mean over functions of the relative L2 error.
        relative_max: Mean over functions of the largest error over the largest exact value.
        note: Empty, or what makes these numbers differ from relative errors.
        spread: Of the relative L2 errors: ``deviation``, ``median``, ``ninetieth`` percentile,
            ``worst``; and ``fine``, their mean on a finer set of points, where it was measured.
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


def operator_errors(residuals: OperatorResiduals) -> dict[str, FieldError] | None:
    """Errors on unseen functions, with those on finer points.

    Args:
        residuals: An operator's.

    Returns:
        By field; None where there is nothing to compare with.
    """
    comparison = OperatorComparison.of(residuals.problem)
    if comparison is None:
        return None
    found = comparison.errors(residuals)
    if not isinstance(residuals.problem.reference, OperatorReference):
        return found
    fine = OperatorComparison.of(residuals.problem, FINE * POINTS)
    assert fine is not None
    again = fine.errors(residuals)
    for name, error in found.items():
        assert isinstance(error, OperatorError)
        assert error.spread is not None
        spread = {**error.spread, "fine": again[name].relative_l2}
        found[name] = OperatorError(error.relative_l2, error.relative_max, "", spread, error.each)
    return found


def operator_indicators(
    residuals: OperatorResiduals, training: Ensemble, points: int = 500
) -> dict[str, Any]:
    """Root mean square residuals for training functions and for unseen ones, at fresh points.

    Args:
        residuals: An operator's.
        training: Functions that it was trained with.
        points: Points of each condition.

    Returns:
        As :func:`pdenet.accuracy.indicators`; ``overfit`` compares seen and unseen functions, by
        their errors where there is a reference.
    """
    problem = residuals.problem
    fresh = {
        name: c.on.quadrature(points) if c.integral else c.on.sample(points, seed=FRESH_SEED)
        for name, c in problem.conditions.items()
        if not isinstance(c, OperatorData)
    }
    before = residuals.probes
    count = min(len(before), len(training))
    sizes = []
    for ensemble in (training[:count], before):
        residuals.probes = ensemble
        sizes.append({n: float(rms(r)) for n, r in residuals.in_chunks(fresh).items()})
    residuals.probes = before
    trained, unseen = sizes
    dimension = problem.domain.dimension
    boundary = [
        unseen[n]
        for n, c in problem.conditions.items()
        if n in fresh and c.on.dimension < dimension
    ]
    return {
        "training": trained,
        "fresh": unseen,
        "overfit": _overfit(residuals, training[:count], trained, unseen),
        "boundary": max(boundary, default=0.0),
    }


def _overfit(
    residuals: OperatorResiduals,
    training: Ensemble,
    trained: Mapping[str, float],
    unseen: Mapping[str, float],
) -> float:
    """How much worse unseen functions fare than those of the training."""
    reference = residuals.problem.reference
    if not isinstance(reference, OperatorReference):
        return max((unseen[n] / trained[n] for n in trained if trained[n] > 0), default=1.0)
    points = residuals.problem.domain.quadrature(POINTS)
    errors = []
    for ensemble in (training, Ensemble.unseen(residuals.problem.inputs, UNSEEN)):
        exact = reference.solutions(ensemble.functions, points.x)
        comparison = OperatorComparison(ensemble, points, exact)
        found = comparison.errors(residuals)
        errors.append(max(e.relative_l2 for e in found.values()))
    return errors[1] / errors[0] if errors[0] > 0 else 1.0
