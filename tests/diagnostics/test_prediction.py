"""The predicted residual against gradient descent on a linear model, where the kernel is fixed."""

import pytest
import torch

from pdenet.diagnostics import predicted_energy, predicted_residual


@pytest.fixture
def linear():
    """J and z at training points, J and z at fresh ones."""
    g = torch.Generator().manual_seed(0)
    return [torch.randn(*shape, generator=g) for shape in [(20, 7), (20,), (11, 7), (11,)]]


@pytest.mark.parametrize("steps", [1, 50, 2000])
def test_equals_gradient_descent_on_a_linear_model(linear, steps):
    j, z, j_fresh, z_fresh = linear
    step = 1 / torch.linalg.matrix_norm(j, 2) ** 2
    theta = torch.zeros(7)
    for _ in range(steps):
        theta = theta - step * j.T @ (z + j @ theta)
    for found, rows, start in (
        (predicted_residual(j, z, steps), j, z),
        (predicted_residual(j, z, steps, (j_fresh, z_fresh)), j_fresh, z_fresh),
    ):
        # Round-off of a well conditioned 20 x 20 eigenproblem.
        assert found == pytest.approx(float((start + rows @ theta).norm() / start.norm()), rel=1e-9)


def test_tends_to_the_least_squares_floor(linear):
    j, z = linear[:2]
    floor = torch.linalg.lstsq(j, -z[:, None]).solution[:, 0]
    left = float((z + j @ floor).norm() / z.norm())
    # The smallest of seven eigenvalues is about 1e-2 of the largest: 1e5 steps forget the start.
    assert predicted_residual(j, z, 100_000) == pytest.approx(left, rel=1e-9)


def test_fast_directions_go_first():
    j = torch.diag(torch.tensor([1.0, 0.1]))
    fast, slow = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    assert predicted_residual(j, fast, 1) == pytest.approx(0.0, abs=1e-12)
    assert predicted_residual(j, slow, 10) == pytest.approx(0.99**10, rel=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"residual": torch.ones(3)}, "expected"),
        ({"steps": 0}, "at least 1"),
        ({"residual": torch.zeros(20)}, "not zero"),
        ({"jacobian": torch.full((20, 7), torch.nan)}, "finite"),
        ({"fresh": (torch.ones(4, 6), torch.ones(4))}, "columns"),
    ],
)
def test_refuses_what_does_not_fit(linear, change, message):
    with pytest.raises(ValueError, match=message):
        predicted_residual(**{"jacobian": linear[0], "residual": linear[1], "steps": 3, **change})


@pytest.mark.parametrize("steps", [1, 30])
def test_energy_equals_gradient_descent_on_a_quadratic(linear, steps):
    j, g = linear[0], linear[1][:7]
    step = 1 / torch.linalg.matrix_norm(j, 2) ** 2
    theta = torch.zeros(7)
    for _ in range(steps):
        theta = theta - step * (j.T @ (j @ theta) + g)
    for rows, slope, energy in ((j, g, 2.0), (linear[2], linear[3][:7], 5.0)):
        after = float(energy + slope @ theta + 0.5 * (rows @ theta).square().sum())
        found = predicted_energy((j, g, 2.0), steps, (rows, slope, energy))
        # Round-off of a well conditioned 7 x 7 eigenproblem.
        assert found == pytest.approx(after, rel=1e-9)


def test_wide_and_tall_rows_agree(linear):
    j, g = linear[0].T, linear[1]  # fewer rows than parameters
    padded = torch.cat([j, torch.zeros(30, 20)])
    found, expected = (predicted_energy((rows, g, 0.0), 40) for rows in (j, padded))
    # The tall one also descends along the gradient where no row bends it.
    free = g - j.T @ torch.linalg.lstsq(j.T, g[:, None]).solution[:, 0]
    slope = 40 * free @ free / torch.linalg.matrix_norm(j, 2) ** 2
    assert found - float(slope) == pytest.approx(expected, rel=1e-9)
