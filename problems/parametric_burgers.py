r"""Viscous Burgers equation for a range of viscosities at once. Dimensionless.

Equation: :math:`u_t + u u_x = \nu u_{xx}` on -1 < x < 1, 0 < t < 1, with the viscosity nu as one
more input.
Data: u = 0 at both ends; :math:`u(x, 0) = -\sin(\pi x)`.
Reference: exact, by the Cole-Hopf transformation and quadrature.
Source: Basdevant et al., Computers & Fluids 14(1), 1986, 23-41, for one viscosity.
"""

from math import pi

import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Initial, Problem
from pdenet.checks import positive
from pdenet.geometry import Box, Parameters
from pdenet.references import cole_hopf


def parametric_burgers(nu_low: float = 0.01, nu_high: float = 0.1) -> Problem:
    """Viscous Burgers equation for a range of viscosities.

    Args:
        nu_low: Smallest viscosity, dimensionless. The front is about 4 nu wide.
        nu_high: Largest viscosity, dimensionless.

    Returns:
        The problem for the velocity u(x, t, nu).

    Raises:
        ValueError: A viscosity is not positive, or the range is empty.
    """
    positive(nu_low=nu_low, nu_high=nu_high)
    if nu_low >= nu_high:
        raise ValueError(
            f"nu_low={nu_low} must be below nu_high={nu_high}; for one viscosity use burgers."
        )
    domain = Box(x=(-1, 1), t=(0, 1)) * Parameters(nu=(nu_low, nu_high))

    def momentum(u, nu):
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
        reference=cole_hopf((nu_low, nu_high)),
        source="Basdevant et al., Computers & Fluids 14(1), 1986",
    )
