r"""Poisson's equation on an interval: the smallest problem there is. Dimensionless.

Equation: :math:`u'' = -(k \pi)^2 \sin(k \pi x)` on -1 < x < 1.
Data: u = 0 at both ends.
Exact solution: :math:`u = \sin(k \pi x)`, the minimizer of the energy
:math:`\int \tfrac12 u'^2 - f u` with :math:`f = -u''`, which is there :math:`-(k \pi)^2 / 2`.
Source: Lu, Meng, Mao, Karniadakis, DeepXDE: A deep learning library for solving differential
equations, SIAM Review 63(1), 2021, 208-228 (k = 1 among its examples).
"""

from math import pi

import torch

from pdenet import Condition, Dirichlet, Problem
from pdenet.checks import whole
from pdenet.energy import Energy
from pdenet.geometry import Interval
from pdenet.references import Exact


def poisson_1d(frequency: int = 1) -> Problem:
    """Poisson's equation on an interval.

    Args:
        frequency: Number k of half waves in a length of 1.

    Returns:
        The problem for u(x).
    """
    whole(frequency=frequency)
    wave = frequency * pi
    domain = Interval(x=(-1, 1))

    def poisson(u, x):
        return u.xx + wave**2 * torch.sin(wave * x)

    def density(u, x):
        return 0.5 * u.x**2 - wave**2 * torch.sin(wave * x) * u

    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "poisson": Condition(poisson, on=domain.interior),
            "ends": Dirichlet(u=0, on=domain.boundary),
        },
        energy=Energy(density, on=domain.interior, exact=-(wave**2) / 2),
        reference=Exact(u=lambda x: torch.sin(wave * x)),
        source="Lu, Meng, Mao, Karniadakis, SIAM Review 63(1), 2021",
    )
