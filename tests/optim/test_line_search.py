"""The search finds strong Wolfe points, in one evaluation where the first try is one."""

import math

import pytest
import torch

from pdenet.optim import Wolfe
from pdenet.optim.line_search import Trial


def line(function):
    """Value and slope of a function of one number, and the steps tried."""
    tried: list[float] = []

    def phi(step: float) -> Trial:
        tried.append(step)
        x = torch.tensor(step, requires_grad=True)
        y = function(x)
        (slope,) = torch.autograd.grad(y, x)
        return Trial(step, y.item(), slope.item(), slope[None])

    return phi, tried


def more_thuente_1(x):
    return -x / (x**2 + 2)


def more_thuente_2(x):
    return (x + 0.004) ** 5 - 2 * (x + 0.004) ** 4


def rough(x):
    """Their third function: a slope with waves on it."""
    beta, waves = 0.01, 39
    kink = torch.where(
        x <= 1 - beta,
        1 - x,
        torch.where(x >= 1 + beta, x - 1, (x - 1) ** 2 / (2 * beta) + beta / 2),
    )
    return kink + 2 * (1 - beta) / (waves * math.pi) * torch.sin(waves * math.pi * x / 2)


@pytest.mark.parametrize("first", [1e-3, 1e-1, 1e1, 1e3])
@pytest.mark.parametrize("function", [more_thuente_1, more_thuente_2, rough])
@pytest.mark.parametrize("c2", [0.9, 0.1])
def test_found_steps_satisfy_both_conditions(function, first, c2):
    phi, tried = line(function)
    start = phi(0.0)
    found = Wolfe(c1=1e-3, c2=c2, evaluations=30).search(phi, start, first)
    assert found is not None
    assert found.value <= start.value + 1e-3 * found.step * start.slope
    assert abs(found.slope) <= c2 * abs(start.slope)
    assert len(tried) <= 16  # from three decades away; Moré and Thuente need up to 12


def test_a_good_first_step_costs_one_evaluation():
    phi, tried = line(lambda x: (x - 1) ** 2)
    start = phi(0.0)
    assert Wolfe().search(phi, start, 1.0).step == 1.0
    assert tried == [0.0, 1.0]


def test_a_parabola_is_solved_by_one_interpolation():
    phi, tried = line(lambda x: (x - 1) ** 2)
    start = phi(0.0)
    found = Wolfe(c1=1e-8, c2=1e-6).search(phi, start, 2.5)
    assert found.step == pytest.approx(1, rel=1e-12)
    assert len(tried) == 3


def test_a_step_into_nothing_is_shortened():
    # sqrt(1 - x) has no value beyond 1; log-barrier losses and poles behave so.
    phi, _ = line(lambda x: x * (x - 0.5) - torch.sqrt(1 - x) * 1e-3)
    found = Wolfe().search(phi, phi(0.0), 50.0)
    assert found is not None
    assert 0 < found.step < 1


def test_nothing_is_found_where_nothing_falls():
    phi, _ = line(lambda x: x.abs() + 0 * x)
    # A direction that promises descent and does not keep it: a wrong gradient.
    start = Trial(0.0, 0.0, -1.0, torch.zeros(1))
    assert Wolfe(evaluations=10).search(phi, start, 1.0) is None


def test_a_line_without_minimum_gives_its_longest_step():
    phi, tried = line(lambda x: -x)
    found = Wolfe(evaluations=5).search(phi, phi(0.0), 1.0)
    assert found is not None
    assert found.step == max(tried)


def test_round_off_does_not_hide_a_minimum():
    # The decrease, 1e-18, is below the spacing of floats at 1: only slopes can tell.
    phi, _ = line(lambda x: 1 + 1e-18 * (x - 1) ** 2)
    found = Wolfe().search(phi, phi(0.0), 1.0)
    assert found is not None
    assert found.step == 1.0


@pytest.mark.parametrize(
    "options", [{"c1": 0.0}, {"c1": 0.6}, {"c2": 1.0}, {"c1": 0.2, "c2": 0.1}, {"evaluations": 0}]
)
def test_bad_options_are_refused(options):
    with pytest.raises(ValueError, match="0 < c1 < 1/2"):
        Wolfe(**options)
