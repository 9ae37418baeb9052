"""Exponential time differencing of order four: stiff equations whose linear part is diagonal."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Nonlinear = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Etdrk4:
    r"""One step of fixed length for v' = L v + N(v), L diagonal.

    The phi functions are means over a circle around each h L, which avoids their cancellation
    near zero. Order 4; the linear part is exact, so stiffness in L does not limit the step.

    Args:
        symbol: Diagonal of L, shape (m,); real or complex.
        step: Length h of a step.

    Reference:
        Kassam and Trefethen, Fourth-order time-stepping for stiff PDEs,
        SIAM J. Sci. Comput. 26(4), 2005, 1214-1233.
    """

    symbol: np.ndarray
    step: float

    def __post_init__(self) -> None:
        h, z = self.step, self.step * self.symbol
        circle = np.exp(2j * np.pi * (np.arange(64) + 0.5) / 64)
        r = z[:, None] + circle
        e = np.exp(r)
        means = (
            (np.exp(r / 2) - 1) / r,
            (-4 - r + e * (4 - 3 * r + r**2)) / r**3,
            2 * (2 + r + e * (r - 2)) / r**3,
            (-4 - 3 * r - r**2 + e * (4 - r)) / r**3,
        )
        weights = [h * mean.mean(axis=1) for mean in means]
        if np.isrealobj(self.symbol):
            weights = [weight.real for weight in weights]
        object.__setattr__(self, "_weights", (np.exp(z), np.exp(z / 2), *weights))

    def __call__(self, v: np.ndarray, nonlinear: Nonlinear) -> np.ndarray:
        """Return v one step later."""
        full, half, q, first, middle, last = self._weights  # type: ignore[attr-defined]
        n_v = nonlinear(v)
        decayed = half * v
        a = decayed + q * n_v
        n_a = nonlinear(a)
        n_b = nonlinear(decayed + q * n_a)
        n_c = nonlinear(half * a + q * (2 * n_b - n_v))
        return full * v + first * n_v + middle * (n_a + n_b) + last * n_c
