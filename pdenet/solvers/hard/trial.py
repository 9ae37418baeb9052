"""Comparison at points: do data agree, and does a form keep what it promises?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from pdenet.conditions import Value
from pdenet.geometry import Points, Region
from pdenet.problem import Problem
from pdenet.solvers.hard.lifts import Form, Formula, Known, formula
from pdenet.solvers.hard.parts import Component, Constraint, RefusedError

SAMPLE = 64
AGREE = 1e-9  # relative; data that are equal on paper differ by the round-off of their formulas
ROUND_OFF = 1e-13  # relative; sin(k pi) of k = 100 waves is 4e-14


class Trial:
    """Points of the domain and of the parts, and the size of the data there.

    Args:
        problem: The problem.
        component: The component whose data are compared.
        given: Values that it is given.
    """

    def __init__(self, problem: Problem, component: Component, given: Sequence[Constraint]):
        self.component = component
        self.points = known_at(problem.domain.sample(SAMPLE, seed=0))
        sizes = [float(at(c.value, self.on(c.part)).abs().max()) for c in given]
        self.scale = max(sizes) or 1.0
        self.round_off = ROUND_OFF * self.scale

    def on(self, part: Region, n: int = SAMPLE) -> Known:
        """Points of a part."""
        return known_at(part.sample(n, seed=1))

    def differ(self, a: Tensor, b: Tensor) -> float:
        """How far data are apart; zero if by round-off only."""
        gap = float((a - b).abs().max())
        return 0.0 if gap <= AGREE * self.scale else gap

    def check_value(self, form: Form, constraint: Constraint) -> None:
        """Refuses a form that does not take the values, or the rates, that it should."""
        known = self.on(constraint.part)
        self._compare(_ansatz(form, known), at(constraint.value, known), constraint)
        if constraint.rate is not None:
            rate = derivative(lambda k: _ansatz(form, k), known, "t")
            self._compare(rate, at(constraint.rate, known), constraint)

    def check_slope(self, form: Form, constraint: Constraint) -> None:
        """Refuses a form that does not have the normal derivatives that it should."""
        points = constraint.part.sample(SAMPLE, seed=1)
        known = known_at(points)
        slope = sum(
            derivative(lambda k: _ansatz(form, k), known, name) * points[f"n{name}"]
            for name in points.space
        )
        assert isinstance(slope, Tensor)
        self._compare(slope, at(constraint.value, known), constraint)

    def _compare(self, found: Tensor, wanted: Tensor, constraint: Constraint) -> None:
        gap = self.differ(found, wanted)
        if gap or not torch.isfinite(found).all():
            raise RefusedError(
                f"no simple form takes the data of {self.component.field} on "
                f"{constraint.part.label} (one found misses them by {gap:.2g})",
                constraint.condition,
            )


def known_at(points: Points) -> Known:
    """Coordinates of points by name, each of shape (n,)."""
    return {name: points[name] for name in points.coordinates}


def at(value: Value | Formula, known: Known) -> Tensor:
    """A number or a function at known coordinates, shape (n,)."""
    return spread(formula(value)(known), known)


def spread(result: Any, known: Known) -> Tensor:
    """A number or tensor as one number for each point, shape (n,)."""
    like = next(iter(known.values()))
    return torch.as_tensor(result, dtype=like.dtype).expand(like.shape)


def derivative(function: Callable[[Known], Any], known: Known, along: str) -> Tensor:
    """Derivative of a function of the known coordinates along one of them, shape (n,)."""
    with torch.enable_grad():
        x = known[along].detach().clone().requires_grad_()
        total = spread(function({**known, along: x}), known).sum()
        if not total.requires_grad:
            return torch.zeros_like(x)
        (gradient,) = torch.autograd.grad(total, x, allow_unused=True, materialize_grads=True)
    return gradient


def _ansatz(form: Form, known: Known) -> Tensor:
    """The form around a network that vanishes nowhere."""
    total: Any = 2 + torch.cos(sum(known.values(), torch.zeros(())))
    if form.distance is not None:
        total = total * form.distance(known)
    return total if form.lift is None else total + form.lift(known)
