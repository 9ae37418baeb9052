r"""Heat equation whose solution is a sharp peak on the move. Dimensionless.

Equation: :math:`u_t - \kappa u_{xx} = s` on -1 < x < 1, 0 < t < 1.
Data: the exact solution's values at t = 0 and x = -1, 1.
Exact solution: :math:`u = \exp(-a (x - c(t))^2)` with :math:`c(t) = \tfrac12 \cos(\pi t)`.
Source: manufactured; space-time analogue of the peaks of Tang, Wan and Yang, J. Comput. Phys. 476
(2023) 111868.
"""

from math import pi

import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Initial, Problem
from pdenet.checks import positive
from pdenet.geometry import Box
from pdenet.references import Exact


def moving_peak(sharpness: float = 1000.0, diffusivity: float = 0.01) -> Problem:
    """Heat equation whose solution is a sharp peak on the move.

    Args:
        sharpness: Factor a in the exponent; the peak is 1 / sqrt(2 a) wide.
        diffusivity: Factor kappa of the second derivative.

    Returns:
        The problem for u(x, t).
    """
    positive(sharpness=sharpness, diffusivity=diffusivity)
    domain = Box(x=(-1, 1), t=(0, 1))

    def distance(x: Tensor, t: Tensor) -> Tensor:
        return x - 0.5 * torch.cos(pi * t)

    def peak(x: Tensor, t: Tensor) -> Tensor:
        return torch.exp(-sharpness * distance(x, t) ** 2)

    def heat(u, x, t):
        d, speed = distance(x, t), -0.5 * pi * torch.sin(pi * t)
        rate = 2 * sharpness * d * speed
        curvature = 2 * sharpness * (2 * sharpness * d**2 - 1)
        return u.t - diffusivity * u.xx - (rate - diffusivity * curvature) * peak(x, t)

    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "heat": Condition(heat, on=domain.interior),
            "start": Initial(u=lambda x: peak(x, torch.zeros_like(x)), on=domain.initial),
            "walls": Dirichlet(u=peak, on=domain.face(x=(-1, 1))),
        },
        reference=Exact(u=peak),
        target=1e-2,
        source="manufactured, after Tang, Wan and Yang, J. Comput. Phys. 476 (2023)",
    )
