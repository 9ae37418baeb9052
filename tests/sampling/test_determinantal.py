"""Determinantal sampling: its law by frequencies, stable Gram matrices, close to the best fit."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from pdenet.geometry import Box, Interval
from pdenet.sampling import DeterminantalSampler
from pdenet.sampling.determinantal import draw, gram_error, orthonormal, projection_dpp


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def polynomials(x: Tensor, m: int) -> Tensor:
    """Legendre polynomials at points of [-1, 1], shape (n, m)."""
    return torch.from_numpy(np.polynomial.legendre.legvander(x.numpy(), m - 1))


def test_basis_is_orthonormal_and_drops_dependent_features() -> None:
    rows = torch.randn(50, 4)
    rows = torch.cat([rows, rows[:, :1] + rows[:, 1:2]], dim=1)
    basis = orthonormal(rows)
    assert basis.shape == (50, 4)
    torch.testing.assert_close(basis.T @ basis / 50, torch.eye(4), atol=1e-12, rtol=0)


def test_projection_process_has_determinants_for_probabilities() -> None:
    basis = orthonormal(torch.randn(5, 2, generator=generator()))
    kernel = basis @ basis.T / 5
    draws, g = 4000, generator(1)
    counts = dict.fromkeys(itertools.combinations(range(5), 2), 0)
    for _ in range(draws):
        i, j = sorted(projection_dpp(basis, g).tolist())
        counts[i, j] += 1
    for (i, j), count in counts.items():
        p = float(kernel[i, i] * kernel[j, j] - kernel[i, j] ** 2)
        # Four standard deviations of a binomial law; ten pairs.
        assert abs(count / draws - p) < 4 * math.sqrt(p * (1 - p) / draws) + 1e-3


@pytest.mark.parametrize("scheme", ["repeated", "volume", "independent"])
def test_candidates_come_in_proportion_to_their_leverage(scheme: str) -> None:
    x = torch.linspace(-1, 1, 40)
    basis = orthonormal(polynomials(x, 6))
    g = generator()
    drawn = torch.cat([draw(basis, 12, scheme, g) for _ in range(400)])  # type: ignore[arg-type]
    share = torch.bincount(drawn, minlength=40) / len(drawn)
    leverage = basis.square().sum(1) / (6 * 40)
    assert float((share - leverage).abs().max()) < 4 * math.sqrt(float(leverage.max()) / 4800)
    assert leverage[0] > 2 * leverage[20]  # ends count more than the middle


def test_a_draw_of_the_process_has_as_many_different_points_as_features() -> None:
    basis = orthonormal(polynomials(torch.linspace(-1, 1, 100), 9))
    chosen = projection_dpp(basis, generator())
    assert len(set(chosen.tolist())) == 9
    assert len(draw(basis, 25, "repeated", generator())) == 25


def test_gram_matrices_are_closer_to_the_identity_than_of_independent_points() -> None:
    basis = orthonormal(polynomials(torch.linspace(-1, 1, 300), 10))
    g = generator()

    def median(scheme: str) -> float:
        errors = [gram_error(basis, draw(basis, 40, scheme, g)) for _ in range(60)]  # type: ignore[arg-type]
        return float(np.median(errors))

    assert median("repeated") < 0.7 * median("independent")
    assert median("repeated") < 0.8
    every = torch.arange(300).repeat_interleave(1)
    uniform = basis[every].T @ basis[every] / 300
    torch.testing.assert_close(uniform, torch.eye(10), atol=1e-12, rtol=0)


def test_weighted_fits_are_close_to_the_best_one_where_uniform_ones_are_not() -> None:
    m, n = 14, 16
    x = torch.linspace(-1, 1, 400)
    basis = orthonormal(polynomials(x, m))
    values = 1 / (1 + 16 * x**2)
    best = float((values - basis @ (basis.T @ values) / 400).norm())
    g = generator()

    def misfit(chosen: Tensor, weight: Tensor) -> float:
        root = weight.sqrt()
        rows = root[:, None] * basis[chosen]
        coefficients = torch.linalg.lstsq(rows, (root * values[chosen])[:, None]).solution[:, 0]
        return float((values - basis @ coefficients).norm()) / best

    drawn, uniform = [], []
    for _ in range(60):
        chosen = draw(basis, n, "repeated", g)
        drawn.append(misfit(chosen, m / basis[chosen].square().sum(1)))
        chosen = torch.randperm(400, generator=g)[:n]
        uniform.append(misfit(chosen, torch.ones(n)))
    # The process is unbiased, with a factor sqrt(m + 1) at n = m; uniform points of so few have no
    # bound at all.
    assert np.median(drawn) < 4
    assert np.median(uniform) > 5 * np.median(drawn)


def test_sampler_draws_once_for_each_set_of_features() -> None:
    domain = Box(x=(0, 1), y=(0, 2))
    sampler = DeterminantalSampler(points=30, boundary_points=8)
    sampler.bind({"equation": domain.interior, "edge": domain.boundary}, seed=3)
    even = sampler.draw(0)
    assert len(even["equation"]) == 30

    def features(name: str, points: object) -> Tensor:
        x = points.x  # type: ignore[attr-defined]
        return torch.cat([polynomials(2 * x[:, 0] - 1, 5), polynomials(x[:, 1] - 1, 5)], dim=1)

    sampler.tell(features)
    points = sampler.draw(0)
    assert points is sampler.draw(7)
    found = points["equation"]
    assert torch.equal(points["edge"].x, even["edge"].x)
    assert not torch.equal(found.x, even["equation"].x)
    assert domain.contains(found.x).all()
    assert sampler.gram_errors["equation"] < 1.5
    # Weights integrate: in expectation they sum to the measure.
    assert float(found.weight.sum()) == pytest.approx(2.0, rel=0.5)
    torch.testing.assert_close(found.weight * found.density * 30, torch.ones(30))
    again = DeterminantalSampler(points=30, boundary_points=8)
    again.bind({"equation": domain.interior, "edge": domain.boundary}, seed=3)
    again.tell(features)
    assert torch.equal(again.draw(0)["equation"].x, found.x)


def test_rows_of_several_equations_count_together() -> None:
    domain = Interval(x=(-1, 1))
    sampler = DeterminantalSampler(points=12)
    sampler.bind({"system": domain.interior}, seed=0)

    def two(name: str, points: object) -> Tensor:
        p = polynomials(points.x[:, 0], 4)  # type: ignore[attr-defined]
        zero = torch.zeros_like(p)
        rows = torch.stack([torch.cat([p, zero], 1), torch.cat([zero, 2 * p], 1)], dim=1)
        return rows.flatten(0, 1)

    sampler.tell(two)
    assert len(sampler.draw(0)["system"]) == 12


@pytest.mark.parametrize(
    "arguments", [{"candidates": 0}, {"attempts": 0}, {"scheme": "other"}, {"points": 0}]
)
def test_bad_arguments_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        DeterminantalSampler(**arguments)  # type: ignore[arg-type]
