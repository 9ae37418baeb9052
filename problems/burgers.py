r"""Viscous Burgers equation with a steepening front. Dimensionless.

Equation: :math:`u_t + u u_x = \nu u_{xx}` on -1 < x < 1, 0 < t < 1.
Data: u = 0 at both ends; :math:`u(x, 0) = -\sin(\pi x)`.
Reference: exact, by the Cole-Hopf transformation and quadrature.
Source: Basdevant et al., Computers & Fluids 14(1), 1986, 23-41; as a benchmark of networks Raissi,
Perdikaris, Karniadakis, J. Comput. Phys. 378, 2019, 686-707.
"""

from math import pi

import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Initial, Problem
from pdenet.checks import positive
from pdenet.geometry import Box
from pdenet.references import cole_hopf


def burgers(nu: float = 0.01 / pi) -> Problem:
    """Viscous Burgers equation with a steepening front.

    Args:
        nu: Viscosity, dimensionless. The front at x = 0 is about 4 nu wide.

    Returns:
        The problem for the velocity u(x, t).
    """
    positive(nu=nu)
    domain = Box(x=(-1, 1), t=(0, 1))

    def momentum(u):
        return u.t + u * u.x - nu * u.xx

    def start(x: Tensor) -> Tensor:
        return -torch.sin(pi * x)

    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "momentum": Condition(momentum, on=domain.interior),
            "start": Initial(u=start, on=domain.initial),
            "ends": Dirichlet(u=0, on=domain.boundary),
        },
        reference=cole_hopf(nu),
        source="Basdevant et al., Computers & Fluids 14(1), 1986",
    )
