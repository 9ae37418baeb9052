r"""Diffusion against an exponential reaction on the unit square. Dimensionless.

Equation: :math:`\Delta u - e^u = f` on 0 < x, y < 1; f from the solution.
Data: the exact solution's values on the boundary.
Exact solution: :math:`u = 1 + \sin(4 \pi x) \cos(4 \pi y)`.
The solution minimizes the energy :math:`\int \tfrac12 |\nabla u|^2 + e^u + f u`.
Source: manufactured; the operator is that of Bratu's problem (Liouville, J. Math. Pures Appl. 18,
1853, 71-72) with the sign for which the solution is unique.
"""

from math import pi

import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Problem
from pdenet.energy import Energy
from pdenet.geometry import Box
from pdenet.jets import dot, grad, laplacian
from pdenet.references import Exact

WAVE = 4 * pi


def reaction_diffusion() -> Problem:
    """Diffusion against an exponential reaction.

    Returns:
        The problem for u(x, y).
    """
    domain = Box(x=(0, 1), y=(0, 1))

    def exact(x: Tensor, y: Tensor) -> Tensor:
        return 1 + torch.sin(WAVE * x) * torch.cos(WAVE * y)

    def source(x: Tensor, y: Tensor) -> Tensor:
        known = exact(x, y)
        return -2 * WAVE**2 * (known - 1) - torch.exp(known)

    def balance(u, x, y):
        return laplacian(u) - torch.exp(u) - source(x, y)

    def density(u, x, y):
        return 0.5 * dot(grad(u), grad(u)) + torch.exp(u) + source(x, y) * u

    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "balance": Condition(balance, on=domain.interior),
            "boundary": Dirichlet(u=exact, on=domain.boundary),
        },
        energy=Energy(density, on=domain.interior),
        reference=Exact(u=exact),
        source="manufactured",
    )
