"""The factored update against the formula as printed, and the laws that it must obey."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pdenet.optim import FactoredInverse
from pdenet.optim.broyden import Curvature, theta_and_tau

UPDATES = ("bfgs", "ssbfgs", "ssbfgs-ol", "ssbroyden1", "ssbroyden2")
SEEDS = st.integers(0, 2**31)


def numbers(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def matrix(inverse: FactoredInverse) -> Tensor:
    assert inverse.factor is not None
    return inverse.factor @ inverse.factor.T


def curved(seed: int, n: int, spread: float = 1.0) -> tuple[FactoredInverse, Tensor, Tensor, float]:
    """A random inverse Hessian, gradients before and after a step of positive curvature."""
    inverse = FactoredInverse(torch.zeros(n), "bfgs")
    inverse.factor = numbers(seed, n, n) * torch.logspace(0, -spread, n)
    hessian = numbers(seed + 1, n, n)
    gradient, step = numbers(seed + 2, n), 0.7
    s = step * inverse.direction(gradient)
    return inverse, gradient, gradient + (hessian @ hessian.T + 0.1 * torch.eye(n)) @ s, step


def printed(H: Tensor, s: Tensor, y: Tensor, g: Tensor, step: float, update: str) -> Tensor:
    """The update as in the literature, with the dense inverse Hessian."""
    rho = 1 / (y @ s)
    hy = H @ y
    yhy = y @ hy
    h, b = float(rho * yhy), float(-step * rho * (s @ g))
    a = h * b - 1
    theta, tau = theta_and_tau(update, Curvature(a, b, h), len(s), first=False)  # type: ignore[arg-type]
    phi = (1 - theta) / (1 + a * theta)
    v = rho * s - hy / yhy
    inner = H - torch.outer(hy, hy) / yhy + phi * yhy * torch.outer(v, v)
    return inner / tau + rho * torch.outer(s, s)


@pytest.mark.parametrize("update", UPDATES)
@given(seed=SEEDS, n=st.integers(2, 12))
def test_factor_follows_the_printed_formula(update, seed, n):
    inverse, g, new, step = curved(seed, n)
    inverse.rule = update
    H = matrix(inverse)
    expected = printed(H, step * -(H @ g), new - g, g, step, update)
    assert inverse.update(step, g, new)
    # Round-off of the printed form, which subtracts large terms.
    torch.testing.assert_close(
        matrix(inverse), expected, rtol=1e-7, atol=1e-8 * float(expected.abs().max())
    )


@pytest.mark.parametrize("update", UPDATES)
@given(seed=SEEDS, n=st.integers(1, 12), spread=st.floats(0, 4))
def test_secant_equation_and_positive_definiteness(update, seed, n, spread):
    inverse, g, new, step = curved(seed, n, spread)
    inverse.rule = update
    s = step * inverse.direction(g)
    inverse.update(step, g, new)
    H = matrix(inverse)
    # Round-off of a product with H, whose entries cancel in H y.
    size = float(H.abs().max() * (new - g).norm())
    torch.testing.assert_close(H @ (new - g), s, rtol=1e-9, atol=1e-12 * size)
    assert torch.equal(H, H.T) or float((H - H.T).abs().max()) < 1e-15 * float(H.abs().max())
    assert float(torch.linalg.matrix_norm(inverse.factor, -2)) > 0


@pytest.mark.parametrize("update", UPDATES)
@given(seed=SEEDS)
def test_next_direction_is_that_of_the_stored_factor(update, seed):
    inverse, g, new, step = curved(seed, 8)
    inverse.rule = update
    inverse.update(step, g, new)
    known = inverse.direction(new)
    expected = -(matrix(inverse) @ new)
    # Same product by two ways: round-off relative to the terms that cancel.
    scale = float(matrix(inverse).abs().max() * new.norm())
    torch.testing.assert_close(known, expected, rtol=1e-10, atol=1e-13 * scale)


def test_bfgs_is_the_textbook_update():
    inverse, g, new, step = curved(5, 6)
    H, y = matrix(inverse), new - g
    s = step * -(H @ g)
    rho = 1 / (y @ s)
    left = torch.eye(6) - rho * torch.outer(s, y)
    expected = left @ H @ left.T + rho * torch.outer(s, s)
    inverse.update(step, g, new)
    torch.testing.assert_close(matrix(inverse), expected, rtol=1e-9, atol=1e-10)


def test_first_update_takes_the_scale_of_the_curvature():
    # From the identity, BFGS starts with (s y / y y) I: a curvature of 100 everywhere is learned
    # at once, also where the step did not go.
    inverse = FactoredInverse(torch.zeros(4), "bfgs")
    g = torch.tensor([1.0, 2.0, 0.0, 0.0])
    s = 1e-3 * inverse.direction(g)
    inverse.update(1e-3, g, g + 100 * s)
    torch.testing.assert_close(matrix(inverse), torch.eye(4) / 100, rtol=1e-12, atol=1e-15)


def test_no_curvature_is_not_learned():
    inverse = FactoredInverse(torch.zeros(3), "ssbroyden2")
    g = torch.ones(3)
    inverse.direction(g)
    assert not inverse.update(1.0, g, g)  # y = 0
    inverse.direction(g)
    assert not inverse.update(1.0, g, 2 * g)  # y against s: negative curvature
    assert inverse.identity
    inverse, g, new, step = curved(1, 4)
    before = matrix(inverse)
    inverse.direction(g)
    assert not inverse.update(step, g, g)
    assert torch.equal(matrix(inverse), before)
    # What it says next still belongs to the matrix that it has.
    torch.testing.assert_close(inverse.direction(new), -(before @ new), rtol=1e-10, atol=1e-12)


@given(
    a=st.floats(1e-14, 1e12), b=st.floats(1e-6, 1e6), n=st.integers(1, 5000), first=st.booleans()
)
@pytest.mark.parametrize("update", UPDATES)
def test_theta_and_tau_keep_the_matrix_positive_definite(update, a, b, n, first):
    theta, tau = theta_and_tau(update, Curvature(a, b, (1 + a) / b), n, first)
    assert tau > 0
    assert 1 + a * theta > 0
    assert math.isfinite(theta)
    assert math.isfinite(tau)


def test_theta_and_tau_by_hand():
    # a = 1, b = 1/2, h = 4: c = sqrt(1/2), rho- = min(1, 4 (1 - c)) = 1, theta- = 0,
    # SSBroyden2: max(0, min(1, (1 - b)/b = 1)) = 1, sigma = 2, n = 3: sigma' = 2^(-1/2),
    # tau = min(1, 1/b) min(sigma', 1/theta) = 2^(-1/2).
    c = Curvature(a=1.0, b=0.5, h=4.0)
    theta, tau = theta_and_tau("ssbroyden2", c, 3, first=False)
    assert (theta, tau) == pytest.approx((1.0, 2**-0.5), rel=1e-14)
    # SSBroyden1: b < 1: min(theta+ = max(1, b (1 + c)), 1/(1 - b) = 2) = 1.
    theta, tau = theta_and_tau("ssbroyden1", c, 3, first=False)
    assert (theta, tau) == pytest.approx((1.0, 2**-0.5), rel=1e-14)
    # b = 4, h = 1/2: rho- = (1 - c)/2, theta- = rho- - 1; SR1 is 1/(1 - b) = -1/3.
    c = Curvature(a=1.0, b=4.0, h=0.5)
    rho = (1 - math.sqrt(0.5)) / 2
    theta, tau = theta_and_tau("ssbroyden1", c, 3, first=False)
    assert theta == pytest.approx(max(rho - 1, -1 / 3), rel=1e-14)
    sigma = 1 + theta
    assert tau == pytest.approx(min(sigma**-0.5 / 4, sigma), rel=1e-14)
    # SSBroyden2 there: max(theta-, min(1/rho-, (1 - b)/b = -3/4)) with theta- = -0.854.
    theta, tau = theta_and_tau("ssbroyden2", c, 3, first=False)
    assert theta == pytest.approx(-0.75, rel=1e-14)
    assert tau == pytest.approx(min(0.25**-0.5 / 4, 0.25), rel=1e-14)
    # b = 30, h = 0.1, a = 2: c = sqrt(2/3) and theta- = (0.1 (1 - c) - 1)/2 = -0.49 is the larger.
    theta, tau = theta_and_tau("ssbroyden2", Curvature(a=2.0, b=30.0, h=0.1), 3, first=False)
    assert theta == pytest.approx((0.1 * (1 - math.sqrt(2 / 3)) - 1) / 2, rel=1e-13)
    assert theta_and_tau("ssbroyden2", Curvature(a=2.0, b=30.0, h=0.1), 3, first=True) == (
        pytest.approx((theta, 0.1 / (1 + 2 * theta)), rel=1e-13)
    )
    assert theta_and_tau("ssbfgs", c, 3, first=False) == (0.0, 0.25)
    assert theta_and_tau("ssbfgs-ol", Curvature(1.0, 0.5, 4.0), 3, first=False) == (0.0, 2.0)
    assert theta_and_tau("ssbfgs", Curvature(1.0, 0.5, 4.0), 3, first=False) == (0.0, 1.0)
