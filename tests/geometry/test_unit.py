import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pdenet.geometry import METHODS
from pdenet.geometry.unit import gauss, gauss_jacobi, pick, tensor_rule, unit_points


@pytest.mark.parametrize("m", [1, 2, 3, 5, 8, 20])
def test_gauss_is_exact_to_degree_2m_minus_1_and_no_further(m):
    x, w = gauss(m)
    errors = [abs(float(w @ x**k) - 1 / (k + 1)) for k in range(2 * m + 1)]
    # Sums of numbers below 1 in float64.
    assert max(errors[: 2 * m]) < 1e-14
    # The error for x^(2m) is (m!)^4 / ((2m + 1) (2m)!^2), 1e-23 at m = 20: seen up to m = 8.
    assert m > 8 or errors[2 * m] > 1e-10


@pytest.mark.parametrize("m", [1, 47, 48, 49, 96, 1000])
def test_gauss_of_many_nodes_has_that_many_and_still_sums_to_one(m):
    x, w = gauss(m)
    assert len(x) == m
    assert bool((x.diff() > 0).all())
    assert float(x.min()) > 0
    assert float(x.max()) < 1
    assert float(w.sum()) == pytest.approx(1, abs=1e-13)
    assert float(w @ x) == pytest.approx(0.5, abs=1e-13)


@pytest.mark.parametrize(("alpha", "beta"), [(0.0, 1.0), (1.0, 0.0), (0.5, 0.5)])
def test_gauss_jacobi_integrates_with_its_weight(alpha, beta):
    z, w = gauss_jacobi(6, alpha, beta)
    fine, v = gauss(3000)
    fine, v = 2 * fine - 1, 2 * v
    for k in range(12):
        slow = float(v @ ((1 - fine) ** alpha * (1 + fine) ** beta * fine**k))
        # The slow rule's error at the ends of the square roots falls like n^-3 only.
        assert float(w @ z**k) == pytest.approx(slow, abs=1e-7)


def test_tensor_rule_multiplies():
    x, w = tensor_rule([gauss(3), gauss(2)])
    assert x.shape == (6, 2)
    assert float(w @ (x[:, 0] ** 5 * x[:, 1] ** 3)) == pytest.approx(1 / 6 / 4, abs=1e-15)


@pytest.mark.parametrize("method", METHODS)
def test_draws_are_pure_and_depend_on_the_seed(method):
    state = torch.random.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    first = unit_points(100, 3, (1, 2), method)
    assert torch.equal(first, unit_points(100, 3, (1, 2), method))
    assert not torch.equal(first, unit_points(100, 3, (2, 1), method))
    assert torch.equal(state[0], torch.random.get_rng_state())
    assert state[1] == np.random.get_state()[1].tolist()  # noqa: NPY002
    assert first.dtype == torch.float64


@given(st.sampled_from(METHODS), st.integers(1, 200), st.integers(0, 4), st.integers(0, 2**40))
def test_draws_lie_inside_the_cube(method, n, d, seed):
    u = unit_points(n, d, seed, method)
    assert u.shape == (n, d)
    assert bool(((u >= 0) & (u < 1)).all())


def test_latin_hypercube_has_one_point_a_slice():
    u = unit_points(50, 4, 0, "latin-hypercube")
    slices = (u * 50).long().sort(0).values
    assert torch.equal(slices, torch.arange(50)[:, None].expand(-1, 4))


def test_sobol_has_one_point_a_dyadic_box():
    u = unit_points(64, 2, 3, "sobol")
    # A (0, 6, 2)-net in base 2: each of the 8 x 8 boxes, and of the 64 x 1 slices, holds one.
    cells = (u * 8).long()
    assert len(torch.unique(cells[:, 0] * 8 + cells[:, 1])) == 64
    assert len(torch.unique((u[:, 0] * 64).long())) == 64


def test_sobol_converges_faster_than_random_points():
    def error(method: str, n: int) -> float:
        errors = []
        for seed in range(20):
            u = unit_points(n, 3, seed, method)
            errors.append(float((u.prod(1) - 1 / 8).mean()))
        return float(np.sqrt(np.mean(np.square(errors))))

    # n^-1 and better against n^-1/2 over a factor 64 of n: 1/64 or less against 1/8.
    assert error("sobol", 4096) / error("sobol", 64) < 1 / 40
    assert 1 / 16 < error("uniform", 4096) / error("uniform", 64) < 1 / 4


def test_pick_recycles_the_number_it_chose_by():
    u = unit_points(4096, 1, 0, "sobol")[:, 0]
    shares = torch.tensor([1.0, 5.0, 2.0])
    chosen, rest = pick(u, shares)
    counts = torch.bincount(chosen).double()
    torch.testing.assert_close(counts / 4096, shares / 8, rtol=0, atol=1 / 4096)
    for i in range(3):
        # 512 points or more in an even pattern.
        assert float(rest[chosen == i].mean()) == pytest.approx(0.5, abs=2e-3)
        assert float(rest[chosen == i].min()) < 5e-3
        assert float(rest[chosen == i].max()) > 1 - 5e-3


@pytest.mark.parametrize("seed", [-1, 1.5, "a", (1, -2)])
def test_bad_seed(seed):
    with pytest.raises(ValueError, match="non-negative whole number"):
        unit_points(3, 2, seed, "uniform")


def test_bad_method():
    with pytest.raises(ValueError, match="Unknown sampling method 'halton'; known are uniform"):
        unit_points(3, 2, 0, "halton")


def test_too_many_dimensions_for_sobol():
    with pytest.raises(ValueError, match="Use method='latin-hypercube'"):
        unit_points(2, 30_000, 0, "sobol")
