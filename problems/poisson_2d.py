r"""Poisson's equation on the unit square, a product of sines. Dimensionless.

Equation: :math:`\Delta u = -2 (k \pi)^2 \sin(k \pi x) \sin(k \pi y)` on 0 < x, y < 1.
Data: u = 0 on the boundary.
Exact solution: :math:`u = \sin(k \pi x) \sin(k \pi y)`, the minimizer of the energy
:math:`\int \tfrac12 |\nabla u|^2 - f u` with :math:`f = -\Delta u`; the minimum is
:math:`-(k \pi)^2 / 4`.
Source: Müller and Zeinhofer, Achieving High Accuracy with PINNs via Energy Natural Gradient
Descent, ICML 2023 (k = 1).
"""

from math import pi

import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Problem
from pdenet.checks import whole
from pdenet.energy import Energy
from pdenet.geometry import Box
from pdenet.jets import dot, grad, laplacian
from pdenet.references import Exact


def poisson_2d(frequency: int = 1) -> Problem:
    """Poisson's equation on the unit square.

    Args:
        frequency: Number k of half waves along each edge; training slows down quickly with it.

    Returns:
        The problem for u(x, y).
    """
    whole(frequency=frequency)
    wave = frequency * pi
    domain = Box(x=(0, 1), y=(0, 1))

    def source(x: Tensor, y: Tensor) -> Tensor:
        return 2 * wave**2 * torch.sin(wave * x) * torch.sin(wave * y)

    def poisson(u, x, y):
        return laplacian(u) + source(x, y)

    def density(u, x, y):
        return 0.5 * dot(grad(u), grad(u)) - source(x, y) * u

    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "poisson": Condition(poisson, on=domain.interior),
            "boundary": Dirichlet(u=0, on=domain.boundary),
        },
        energy=Energy(density, on=domain.interior, exact=-(wave**2) / 4),
        reference=Exact(u=lambda x, y: torch.sin(wave * x) * torch.sin(wave * y)),
        source="Müller and Zeinhofer, ICML 2023",
    )
