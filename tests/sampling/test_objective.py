"""The adversary's objective has the optimum that theory gives it, and the stated gradients."""

import math

import pytest
import torch

from pdenet.flows import BoundedKRnet
from pdenet.sampling.objective import (
    entropy,
    expected,
    gain,
    roughness,
)

N = 200
GRID = (torch.arange(N, dtype=torch.float64) + 0.5) / N
EVEN = torch.ones(N, dtype=torch.float64)


def maximize(goal, parameters, steps=300):
    optimizer = torch.optim.LBFGS(parameters, max_iter=steps, line_search_fn="strong_wolfe",
                                  tolerance_grad=1e-12, tolerance_change=1e-14)  # fmt: skip

    def closure():
        optimizer.zero_grad()
        loss = -goal()
        loss.backward()
        return loss

    optimizer.step(closure)


@pytest.mark.parametrize("beta", [0.3, 2.0])
def test_entropy_has_the_gibbs_law_as_its_optimum(beta):
    squares = 1 + torch.sin(7 * GRID) + 2 * GRID
    log_p = torch.zeros(N, requires_grad=True)
    maximize(lambda: expected(squares, log_p, EVEN) + beta * entropy(log_p, EVEN), [log_p])
    found = torch.softmax(log_p.detach(), 0)
    exact = torch.softmax(squares / beta, 0)
    # The optimizer's own tolerance; a flipped sign of the entropy gives an error of order one.
    torch.testing.assert_close(found, exact, rtol=1e-4, atol=1e-6)


def test_sobolev_penalty_has_the_solution_of_a_poisson_equation_as_its_optimum():
    amplitude, strength = 0.4, 0.05
    squares = 1 + amplitude * torch.cos(math.pi * GRID)
    # 2 strength p'' + r^2 - mean = 0 with p' = 0 at the ends.
    exact = 1 + amplitude / (2 * strength * math.pi**2) * torch.cos(math.pi * GRID)
    flow = BoundedKRnet(1, marginal_cells=16)
    u = GRID[:, None].clone().requires_grad_()

    def goal():
        log_p = flow.log_prob(u)
        return expected(squares, log_p, EVEN) - strength * roughness(log_p, u, EVEN)

    maximize(goal, list(flow.parameters()), 100)
    found = flow.log_prob(u).exp().detach()
    # Piecewise linear on 16 cells: second order in their width, 0.4 (pi / 16)^2 / 8 = 2e-3.
    assert (found - exact).abs().max() < 1e-2
    assert (found - 1).abs().max() > 0.3


def test_gradient_of_the_mean_is_the_score_function_estimator_with_baseline():
    values = torch.randn(50, generator=torch.Generator().manual_seed(0))
    log_p = torch.zeros(50, requires_grad=True)
    (gradient,) = torch.autograd.grad(expected(values, log_p, torch.ones(50)), log_p)
    torch.testing.assert_close(gradient, (values - values.mean()) / 50, rtol=1e-12, atol=1e-14)


def test_factors_of_the_density_cancel():
    values, log_p = torch.rand(30), torch.randn(30)
    q = 0.5 + torch.rand(30)
    for shift in (-3.0, 7.0):
        torch.testing.assert_close(expected(values, log_p + shift, q), expected(values, log_p, q))
        torch.testing.assert_close(entropy(log_p + shift, q), entropy(log_p, q))


def test_importance_weights_make_points_of_any_law_agree():
    generator = torch.Generator().manual_seed(3)
    u = torch.rand(40_000, generator=generator)
    x = u.sqrt()  # density 2 x
    log_p, values = -3 * x, x**2
    grid = torch.linspace(0, 1, 4001)
    weight = torch.softmax(-3 * grid, 0)
    # 40000 points with weights up to 1 / x: about five standard errors.
    assert expected(values, log_p, 2 * x).item() == pytest.approx(
        (weight * grid**2).sum().item(), abs=0.01
    )


def test_gain_counts_effective_points():
    squares, even, law = torch.zeros(100), torch.ones(100), torch.full((100,), 0.5)
    squares[:10] = 1.0
    assert gain(squares, even, even) == pytest.approx(1.0)
    law[:10] = 5.0
    assert gain(squares, law, even) == pytest.approx(5.0)
    law[:10] = 0.1
    assert gain(squares, law, even) == pytest.approx(0.1)
    assert gain(torch.zeros(100), law, even) == 1.0


def test_gain_is_that_of_the_law_wherever_the_points_came_from():
    x = (torch.arange(4000) + 0.5) / 4000
    squares, law = x**2, 0.5 + x
    drawn = x.sqrt()  # points of the density 2 x
    found = gain(drawn**2, 0.5 + drawn, 2 * drawn)
    assert found == pytest.approx(gain(squares, law, torch.ones(4000)), rel=1e-3)
