import numpy as np
import pytest
from scipy.integrate import solve_ivp

from pdenet.references.etdrk4 import Etdrk4

RATES = np.array([-1.0, -3.0, -20.0])


def coupled(v: np.ndarray) -> np.ndarray:
    return np.array([v[1] * v[2], -(v[0] ** 2), np.sin(v[0])])


def integrate(steps: int, symbol: np.ndarray = RATES) -> np.ndarray:
    advance = Etdrk4(symbol, 1.0 / steps)
    v = np.array([1.0, 0.5, 0.2], dtype=symbol.dtype)
    for _ in range(steps):
        v = advance(v, coupled)
    return v


def test_agrees_with_an_implicit_solver_at_order_four():
    exact = solve_ivp(
        lambda t, v: RATES * v + coupled(v),
        (0, 1),
        [1.0, 0.5, 0.2],
        "Radau",
        rtol=1e-12,
        atol=1e-14,
    ).y[:, -1]
    errors = [np.abs(integrate(n) - exact).max() for n in (8, 16, 32, 64)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    # The classical order, once steps resolve the fastest rate.
    assert orders == pytest.approx(4, abs=0.35)
    assert errors[-1] < 1e-8


def test_complex_symbols_have_order_four_too():
    symbol = np.array([5j, -1 + 2j, -3j])
    errors = [np.abs(integrate(n, symbol) - integrate(1024, symbol)).max() for n in (16, 32, 64)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.3)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(4, abs=0.3)


@pytest.mark.parametrize("rate", [0.0, 1e-9, -1.0, -1e6, 3j])
def test_constant_forcing_is_integrated_exactly(rate):
    advance = Etdrk4(np.array([rate]), 0.1)
    v = advance(np.array([2.0 + 0j]), lambda v: np.full_like(v, 5.0))
    z = rate * 0.1
    growth = np.expm1(z) / z if z else 1.0
    # The phi functions come from means over a circle of radius one, good to a few roundings,
    # where the plain formulas would lose all digits at 1e-9.
    assert v[0] == pytest.approx(np.exp(z) * 2.0 + 0.1 * growth * 5.0, rel=2e-14)
