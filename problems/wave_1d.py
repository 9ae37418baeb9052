r"""Vibrating string with two modes of different frequency. Dimensionless.

Equation: :math:`u_{tt} = c^2 u_{xx}` on 0 < x < 1, 0 < t < 1, c = 2.
Data: u = 0 at both ends; :math:`u(x, 0) = \sin(\pi x) + \tfrac12 \sin(4 \pi x)`, at rest.
Exact solution: :math:`u = \sin(\pi x) \cos(c \pi t) + \tfrac12 \sin(4 \pi x) \cos(4 c \pi t)`.
Source: Wang, Yu, Perdikaris, When and why PINNs fail to train: a neural tangent kernel
perspective, J. Comput. Phys. 449, 2022, 110768, section 7.3.
"""

from math import pi

import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Initial, Problem
from pdenet.checks import positive
from pdenet.geometry import Box
from pdenet.references import Exact


def wave_1d(speed: float = 2.0) -> Problem:
    """Vibrating string with two modes.

    Args:
        speed: Speed c of waves, dimensionless.

    Returns:
        The problem for the displacement u(x, t).
    """
    positive(speed=speed)
    domain = Box(x=(0, 1), t=(0, 1))

    def wave(u):
        return u.tt - speed**2 * u.xx

    def start(x: Tensor) -> Tensor:
        return torch.sin(pi * x) + 0.5 * torch.sin(4 * pi * x)

    def exact(x: Tensor, t: Tensor) -> Tensor:
        slow = torch.sin(pi * x) * torch.cos(speed * pi * t)
        return slow + 0.5 * torch.sin(4 * pi * x) * torch.cos(4 * speed * pi * t)

    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "wave": Condition(wave, on=domain.interior),
            "start": Initial(u=start, rate={"u": 0}, on=domain.initial),
            "ends": Dirichlet(u=0, on=domain.boundary),
        },
        reference=Exact(u=exact),
        source="Wang, Yu, Perdikaris, J. Comput. Phys. 449, 2022, section 7.3",
    )
