r"""Poisson's equation with given fluxes on three sides of a square. Dimensionless.

Equation: :math:`-\Delta u = (\pi^2 / 4 - 1) \sin(\pi x / 2) e^y` on 0 < x, y < 1.
Data: u = 0 at x = 0; :math:`\partial u / \partial n` is 0 at x = 1, :math:`-\sin(\pi x / 2)` at
y = 0 and :math:`e \sin(\pi x / 2)` at y = 1.
Exact solution: :math:`u = \sin(\pi x / 2) e^y`, the minimizer of the energy
:math:`\int \tfrac12 |\nabla u|^2 - f u` less the work of the fluxes, with the minimum
:math:`-(\pi^2 / 4 + 1) (e^2 - 1) / 8`.
Source: manufactured; fluxes as natural conditions of an energy are in Courant and Hilbert, Methods
of Mathematical Physics I, 1953, chapter IV.
"""

from math import e, pi

import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Neumann, Problem
from pdenet.energy import Energy, Integrand
from pdenet.geometry import Box
from pdenet.jets import dot, grad, laplacian
from pdenet.references import Exact

SOURCE = pi**2 / 4 - 1


def poisson_neumann() -> Problem:
    """Poisson's equation with given fluxes on three sides of a square.

    Returns:
        The problem for u(x, y).
    """
    domain = Box(x=(0, 1), y=(0, 1))

    def poisson(u, x, y):
        return laplacian(u) + SOURCE * _exact(x, y)

    def density(u, x, y):
        return 0.5 * dot(grad(u), grad(u)) - SOURCE * _exact(x, y) * u

    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "poisson": Condition(poisson, on=domain.interior),
            "left": Dirichlet(u=0, on=domain.face(x=0)),
            "right": Neumann(u=0, on=domain.face(x=1)),
            "bottom": Neumann(u=lambda x: -torch.sin(pi * x / 2), on=domain.face(y=0)),
            "top": Neumann(u=lambda x: e * torch.sin(pi * x / 2), on=domain.face(y=1)),
        },
        energy=Energy(
            density,
            on=domain.interior,
            boundary={
                "outflow": Integrand(lambda u, x: torch.sin(pi * x / 2) * u, on=domain.face(y=0)),
                "inflow": Integrand(
                    lambda u, x: -e * torch.sin(pi * x / 2) * u, on=domain.face(y=1)
                ),
            },
            exact=-(pi**2 / 4 + 1) * (e**2 - 1) / 8,
        ),
        reference=Exact(u=_exact),
        source="manufactured",
    )


def _exact(x: Tensor, y: Tensor) -> Tensor:
    return torch.sin(pi * x / 2) * torch.exp(y)
