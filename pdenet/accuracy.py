"""How good an answer is: errors against a reference, indicators without one, and a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from pdenet.energy import Rayleigh
from pdenet.geometry import Points, Region
from pdenet.metrics import FieldError, best_combination, field_errors, rms
from pdenet.operator_errors import OperatorComparison, operator_indicators
from pdenet.operators import OperatorResiduals
from pdenet.problem import Problem, Unknown
from pdenet.record import StoppedBy, Verdict
from pdenet.residuals import Residuals
from pdenet.solution import fields_at

EVALUATION_POINTS = 10_000
FRESH_POINTS = 4_000
FRESH_SEED = 7_919  # no sampler draws with it, so that fresh points are not training points

# Residuals at fresh points that exceed those at training points by so much were not learned but
# memorized: experiments on Burgers with fixed points show ratios of 100 with errors of 2e-2.
OVERFIT_RATIO = 10.0
ROUND_OFF = 1e-12


@dataclass(frozen=True, eq=False)
class Comparison:
    """A problem's reference on a quadrature of its domain, evaluated once.

    Args:
        points: Quadrature points.
        exact: Reference values by field.
        core: The same in the problem's core, if it has one.
    """

    points: Points
    exact: Mapping[str, Tensor]
    core: Comparison | None = None

    @classmethod
    def of(
        cls, problem: Problem, n: int = EVALUATION_POINTS
    ) -> Comparison | OperatorComparison | None:
        """The comparison of a problem, or None where it has no reference.

        Args:
            problem: The problem.
            n: About how many quadrature points.

        Returns:
            The comparison, or None.
        """
        if problem.inputs and not hasattr(problem.reference, "given"):
            return OperatorComparison.of(problem)
        if problem.reference is None:
            return None
        core = None if problem.core is None else cls._on(problem, problem.core, n)
        return replace(cls._on(problem, problem.domain, n), core=core)

    @classmethod
    def _on(cls, problem: Problem, region: Region, n: int) -> Comparison:
        assert problem.reference is not None
        points = region.quadrature(n)
        columns = {name: points[name] for name in problem.coordinates}
        exact = problem.reference(**columns)
        return cls(points, {name: v for name, v in exact.items() if name in problem.shapes})

    def errors(self, residuals: Residuals) -> dict[str, FieldError]:
        """Errors of each field of a network, in float64 on the CPU; ``u in the core`` by itself."""
        like = next(residuals.model.parameters())
        x = self.points.x.to(dtype=like.dtype, device=like.device)
        predicted = fields_at(residuals, x)
        errors = {}
        for name, exact in self.exact.items():
            lives = residuals.problem.where(name, self.points.x)
            value = predicted[name].to("cpu", torch.float64)[lives]
            modulo = {name} & set(residuals.problem.modulo_constant)
            weight = self.points.weight[lives]
            if isinstance(residuals.problem.energy, Rayleigh):
                value = _oriented(value, exact[lives], weight)
            pair = {name: value}, {name: exact[lives]}
            errors |= field_errors(*pair, weight, modulo_constant=modulo)
        inner = {} if self.core is None else self.core.errors(residuals)
        return errors | {f"{name} in the core": error for name, error in inner.items()}


def _oriented(states: Tensor, exact: Tensor, weight: Tensor) -> Tensor:
    """Eigenfunctions, whose factors and combinations among equal eigenvalues are free."""
    flat, wanted = states.reshape(len(states), -1), exact.reshape(len(exact), -1)
    return (flat @ best_combination(flat, wanted, weight)).reshape(exact.shape)


def unknown_errors(residuals: Residuals) -> dict[str, FieldError]:
    """Relative errors of found constants whose true value is known."""
    errors = {}
    for name, parameter in residuals.unknowns.items():
        unknown = residuals.problem.unknowns[name]
        if isinstance(unknown, Unknown) and unknown.exact is not None:
            error = abs(float(parameter.detach()) - unknown.exact) / (abs(unknown.exact) or 1.0)
            errors[name] = FieldError(error, error)
    return errors


def indicators(residuals: Residuals, training: Mapping[str, Points]) -> dict[str, Any]:
    """Root mean square residuals at the training points and at fresh ones.

    Args:
        residuals: Network with its problem.
        training: The last training points of each condition.

    Returns:
        ``training`` and ``fresh`` rms residual by condition, their worst ``overfit`` ratio, and
        ``boundary``: the worst fresh misfit on lower-dimensional parts, imposed ones included.
    """
    if isinstance(residuals, OperatorResiduals):
        return operator_indicators(residuals)
    fresh_points = {
        name: c.on.quadrature(FRESH_POINTS)
        if c.integral
        else c.on.sample(FRESH_POINTS, seed=FRESH_SEED)
        for name, c in residuals.problem.conditions.items()
    }
    fresh = {n: _size(r) for n, r in residuals.in_chunks(fresh_points).items()}
    known = {n: p for n, p in training.items() if n in residuals.problem.conditions}
    trained = {n: _size(r) for n, r in residuals.in_chunks(known).items()}
    dimension = residuals.problem.domain.dimension
    boundary = [
        fresh[n] for n, c in residuals.problem.conditions.items() if c.on.dimension < dimension
    ]
    # Below round-off there is nothing that could have been fitted.
    ratios = [fresh[n] / trained[n] for n in trained if ROUND_OFF < trained[n] < math.inf]
    return {
        "training": trained,
        "fresh": fresh,
        "overfit": max(ratios, default=1.0),
        "boundary": max(boundary, default=0.0),
    }


def _size(rows: Tensor) -> float:
    """Root mean square; infinite where a residual has no value, such as a root of u < 0."""
    return float(rms(rows)) if bool(rows.isfinite().all()) else math.inf


def judge(
    problem: Problem,
    errors: Mapping[str, FieldError] | None,
    found: Mapping[str, Any],
    stopped_by: StoppedBy,
    target: float,
) -> tuple[Verdict, list[str]]:
    """Says how far an answer can be trusted.

    Args:
        problem: The problem.
        errors: Measured errors, or None without a reference.
        found: What :func:`indicators` returned.
        stopped_by: Why training ended.
        target: Relative L2 error that counts as solved.

    Returns:
        The verdict and its reasons, one sentence each.
    """
    reasons = []
    if stopped_by in {"nan", "unbounded", "out-of-memory"}:
        return "failed", [f"Training broke off: {stopped_by}."]
    error = max((e.relative_l2 for e in (errors or {}).values()), default=math.inf)
    # What was measured outweighs what is guessed from residuals, which round-off rules in the end.
    if found["overfit"] > OVERFIT_RATIO and error > target:
        reasons.append(
            f"Residuals at fresh points are {found['overfit']:.0f} times those at training points: "
            "the points were fitted, not the equation. More points, or fresh ones, help."
        )
    if not errors:
        reasons.append(
            "There is no reference: small residuals do not bound the error. Compare with a second "
            "run of another seed and width before trusting it."
        )
        return "doubtful", reasons
    worst = max(errors, key=lambda name: errors[name].relative_l2)
    said = f"Relative L2 error of {worst!r} is {error:.2e} against a target of {target:.0e}."
    reference = getattr(problem.reference, "tolerance", 0.0)
    if reference > target:
        reasons.append(f"The reference itself is accurate to {reference:.0e} only.")
        return "doubtful", [said, *reasons]
    return ("solved" if error <= target else "failed"), [said, *reasons]
