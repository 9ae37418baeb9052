r"""Inverse heat conduction: find a conductivity and a heat source from temperatures. Dimensionless.

Equation: :math:`-(a u')' = s` on 0 < x < 1: a rod that is heated evenly. Unknown are its
conductivity a(x) and the heating s, a constant; the temperature u is measured.
Data: u(x_i) at evenly spaced sensors with independent Gaussian noise; the heat fluxes
a u' = 3 at x = 0 and a u' = 1 at x = 1.
Well-posed: both fluxes determine s, then a u' is known everywhere; u' vanishes nowhere, so that
a = (a u') / u'. The data are differentiated once, which amplifies their noise.
The field sought is the logarithm of a: it keeps a positive, and keeps training from running off to
an infinite conductivity, under which every temperature is as good as constant.
Exact solution: s = 2, :math:`a = 1 / (1 + \tfrac12 \cos(2 \pi x))`,
:math:`u' = (3 - 2 x) / a`, u(0) = 0.
Source: manufactured.
"""

from math import pi, sqrt

import numpy as np
import torch
from torch import Tensor

from pdenet import Condition, Data, Problem, Unknown
from pdenet.checks import positive, whole
from pdenet.geometry import Interval
from pdenet.references import Exact

FLUX_LEFT, FLUX_RIGHT = 3.0, 1.0


def inverse_diffusion(noise: float = 0.01, sensors: int = 200, seed: int = 0) -> Problem:
    """Inverse heat conduction in a rod.

    Args:
        noise: Standard deviation of the measurements, in the temperature's unit; u goes up to 2.
        sensors: Number of measurements.
        seed: Seed of the noise.

    Returns:
        The problem for the temperature u(x), the logarithm log_a(x) of the conductivity and the
        constant ``heating``.
    """
    positive(noise=noise)
    whole(2, sensors=sensors)
    whole(0, seed=seed)
    domain = Interval(x=(0, 1))
    x = (np.arange(sensors) + 0.5) / sensors
    exact = _temperature(torch.as_tensor(x)).numpy()
    measured = exact + noise * np.random.default_rng(seed).normal(size=sensors)

    def conduction(u, log_a, heating):
        return (torch.exp(log_a) * u.x).x + heating

    def flux_left(u, log_a):
        return torch.exp(log_a) * u.x - FLUX_LEFT

    def flux_right(u, log_a):
        return torch.exp(log_a) * u.x - FLUX_RIGHT

    return Problem(
        domain=domain,
        fields=("u", "log_a"),
        conditions={
            "conduction": Condition(conduction, on=domain.interior),
            "flux at the left": Condition(flux_left, on=domain.face(x=0)),
            "flux at the right": Condition(flux_right, on=domain.face(x=1)),
            "measurements": Data({"x": x}, u=measured),
        },
        unknowns={"heating": Unknown(start=1.0, exact=FLUX_LEFT - FLUX_RIGHT)},
        reference=Exact(u=_temperature, log_a=_log_conductivity),
        # Cubic splines of 8 coefficients, fitted to such data, give log a to 5 per cent in the
        # median of twenty seeds and to 10 in the worst; errors grow like noise / sqrt(sensors).
        target=max(1e-3, 6 * noise * sqrt(200 / sensors)),
        source="manufactured",
    )


def _log_conductivity(x: Tensor) -> Tensor:
    return -torch.log(1 + torch.cos(2 * pi * x) / 2)


def _temperature(x: Tensor) -> Tensor:
    wave = 2 * pi
    ripple = (3 - 2 * x) * torch.sin(wave * x) / wave - 2 * (torch.cos(wave * x) - 1) / wave**2
    return 3 * x - x**2 + ripple / 2
