"""Evolution problems cut to a window of time: their exact solutions still satisfy everything."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pdenet import Problem
from pdenet.catalogue import entries
from pdenet.conditions import with_signature
from pdenet.references import Exact
from pdenet.residuals import Residuals

BUILT = [entry.build() for entry in entries()]
PROBLEMS = [p for p in BUILT if p.domain.time and isinstance(p.reference, Exact)]


class Solution(nn.Module):
    """The reference as a network."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.problem = problem
        self.unused = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        assert self.problem.reference is not None
        known = {name: x[..., i] for i, name in enumerate(self.problem.coordinates)}
        values = self.problem.reference(**known)
        return torch.stack([values[name] for name in self.problem.shapes], dim=-1)


def at(problem: Problem, field: str, time: float, rate: bool) -> Callable[..., Tensor]:
    """A field or its time derivative at a time, as a function of the other coordinates."""
    names = [c for c in problem.coordinates if c != "t"]
    assert problem.reference is not None
    reference = problem.reference

    def value(**known: Tensor) -> Tensor:
        t = torch.full_like(known[names[0]], time).requires_grad_(rate)
        with torch.set_grad_enabled(rate):
            u = reference(**known, t=t)[field]
            return torch.autograd.grad(u.sum(), t)[0] if rate else u

    return with_signature(value, names)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
def test_exact_solution_solves_a_window(problem: Problem) -> None:
    first, last = problem.domain.bounds["t"]
    start, end = first + 0.3 * (last - first), first + 0.6 * (last - first)
    values = {name: at(problem, name, start, rate=False) for name in problem.shapes}
    rates = {f"{name}.t": at(problem, name, start, rate=True) for name in problem.shapes}
    window = problem.at_time(start, end, {**values, **rates})
    points = {name: c.on.sample(100, seed=0) for name, c in window.conditions.items()}
    for name, part in points.items():
        assert part["t"].min() >= start, name
        assert part["t"].max() <= end, name
    for name, rows in Residuals(window, Solution(window)).in_chunks(points).items():
        # Round-off of terms of up to 300, where the wave equation's cancel.
        assert rows.abs().max() < 1e-11, name
