"""Rayleigh quotients of known functions: matrices, levels, lifted states."""

from math import pi
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pdenet import Dirichlet, Problem, Rayleigh
from pdenet.geometry import Interval
from pdenet.residuals import Residuals

STRING = Interval(x=(0, 1))


class Modes(nn.Module):
    """Combinations of sines: sum_k c_jk sin(k pi x)."""

    def __init__(self, combinations: list[list[float]]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(combinations))

    def forward(self, x: Any) -> Any:
        numbers = pi * torch.arange(1, self.weight.shape[1] + 1, dtype=torch.float64)
        return torch.sin(x * numbers) @ self.weight.T


def quotient(states: int = 1, **more: Any) -> Problem:
    energy = Rayleigh(lambda u: u.x**2, lambda u: u * u, on=STRING.interior, states=states, **more)
    return Problem(
        domain=STRING,
        fields={"u": states if states > 1 else ()},
        conditions={"ends": Dirichlet(u=0, on=STRING.boundary)},
        energy=energy,
    )


def integrals(problem: Problem, combinations: list[list[float]]) -> dict[str, Tensor]:
    assert problem.energy is not None
    residuals = Residuals(problem, Modes(combinations), trained=problem.energy.terms)
    points = STRING.quadrature(60)
    rows = residuals({n: residuals.batch(n, points) for n in problem.energy.terms})
    return {n: points.weight @ r.reshape(len(points), -1) for n, r in rows.items()}


def test_matrices_of_combined_modes() -> None:
    # Modes are orthogonal: D = C C^T / 2, N = C diag(k^2 pi^2) C^T / 2.
    c = [[1.0, 2.0, 0.0], [-1.0, 0.5, 3.0]]
    problem = quotient(2)
    assert isinstance(problem.energy, Rayleigh)
    upper, lower = problem.energy.matrices(integrals(problem, c))
    combinations, squares = torch.tensor(c), (pi * torch.arange(1, 4)) ** 2
    torch.testing.assert_close(lower, combinations @ combinations.T / 2)
    torch.testing.assert_close(upper, combinations * squares @ combinations.T / 2)


@pytest.mark.parametrize("c", [[[1.0, 1.0], [1.0, -2.0]], [[0.3, 0.0], [5.0, 0.1]]])
def test_a_trace_sees_the_span_only(c: list[list[float]]) -> None:
    problem = quotient(2)
    assert isinstance(problem.energy, Rayleigh)
    found = integrals(problem, c)
    # The condition number of the second pair is 1e3.
    assert problem.energy.value(found).item() == pytest.approx(5 * pi**2, rel=1e-9)
    values, mixing = problem.energy.levels(found)
    torch.testing.assert_close(values, torch.tensor([pi**2, 4 * pi**2]), rtol=1e-9, atol=0)
    # Combined as told, the states are the normalized modes.
    modes = torch.tensor(c).T @ mixing
    torch.testing.assert_close(modes.abs(), 2**0.5 * torch.eye(2), rtol=1e-9, atol=1e-9)


def test_the_quotient_of_one_state() -> None:
    problem = quotient()
    assert problem.energy is not None
    found = problem.energy.value(integrals(problem, [[3.0, 4.0]]))
    assert found.item() == pytest.approx(pi**2 * (9 + 4 * 16) / 25, rel=1e-12)


def test_earlier_states_are_lifted_by_the_shift() -> None:
    def first(x: Tensor) -> Tensor:
        return 7 * torch.sin(pi * x)

    problem = quotient(orthogonal_to=[first], shift=50.0)
    assert isinstance(problem.energy, Rayleigh)
    values = [problem.energy.value(integrals(problem, [c])) for c in ([1.0, 0.0], [0.0, 1.0])]
    assert values[0].item() == pytest.approx(pi**2 + 50, rel=1e-12)
    assert values[1].item() == pytest.approx(4 * pi**2, rel=1e-12)
    # In between, by the share of the earlier state; the level itself is without the shift.
    mixed = integrals(problem, [[3.0, 4.0]])
    plain = pi**2 * (9 + 4 * 16) / 25
    assert problem.energy.value(mixed).item() == pytest.approx(plain + 50 * 9 / 25, rel=1e-12)
    assert problem.energy.levels(mixed)[0].item() == pytest.approx(plain, rel=1e-12)


def test_own_rows_are_those_of_equal_pairs() -> None:
    problem = quotient(3)
    assert problem.energy is not None
    assert problem.energy.own_rows == (0, 3, 5)
