r"""Heat conduction in a rod whose ends are kept cold. Dimensionless.

Equation: :math:`u_t = \kappa u_{xx}` on 0 < x < 1, 0 < t < 1.
Data: u = 0 at both ends; :math:`u(x, 0) = \sin(n \pi x)`.
Exact solution: :math:`u = e^{-\kappa n^2 \pi^2 t} \sin(n \pi x)`.
Source: Fourier, Théorie analytique de la chaleur, 1822; the constants are those of DeepXDE's
example (Lu, Meng, Mao, Karniadakis, SIAM Review 63(1), 2021, 208-228).
"""

from math import pi

import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Initial, Problem
from pdenet.checks import positive, whole
from pdenet.geometry import Box
from pdenet.references import Exact


def heat_1d(diffusivity: float = 0.4, frequency: int = 1) -> Problem:
    """Heat conduction in a rod, one Fourier mode.

    Args:
        diffusivity: Diffusivity kappa, dimensionless.
        frequency: Number n of half waves of the start value.

    Returns:
        The problem for the temperature u(x, t).
    """
    positive(diffusivity=diffusivity)
    whole(frequency=frequency)
    domain = Box(x=(0, 1), t=(0, 1))
    k = frequency * pi

    def heat(u):
        return u.t - diffusivity * u.xx

    def start(x: Tensor) -> Tensor:
        return torch.sin(k * x)

    def exact(x: Tensor, t: Tensor) -> Tensor:
        return torch.exp(-diffusivity * k**2 * t) * torch.sin(k * x)

    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "heat": Condition(heat, on=domain.interior),
            "start": Initial(u=start, on=domain.initial),
            "ends": Dirichlet(u=0, on=domain.boundary),
        },
        reference=Exact(u=exact),
        source="Fourier 1822; constants as in Lu et al., SIAM Review 63(1), 2021",
    )
