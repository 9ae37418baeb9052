r"""Kuramoto-Sivashinsky equation: spatio-temporal chaos. Dimensionless.

Equation: :math:`u_t + \alpha u u_x + \beta u_{xx} + \gamma u_{xxxx} = 0` on 0 < x < 2 pi,
alpha = 100/16, beta = 100/16^2, gamma = 100/16^4.
Data: u is periodic in x; :math:`u(x, 0) = \cos x\,(1 + \sin x)`.
Reference: Fourier series with exponential time differencing. Small errors grow by a factor of
about 1e4 until t = 1.
Source: Wang, Sankaran, Perdikaris, Respecting causality for training physics-informed neural
networks, Comput. Methods Appl. Mech. Engrg. 421, 2024, 116813.
"""

from math import pi

import torch
from torch import Tensor

from pdenet import Condition, Initial, Periodic, Problem
from pdenet.checks import positive
from pdenet.geometry import Box
from pdenet.references import kuramoto_sivashinsky_reference

ALPHA, BETA, GAMMA = 100 / 16, 100 / 16**2, 100 / 16**4


def kuramoto_sivashinsky(t_final: float = 1.0) -> Problem:
    """Kuramoto-Sivashinsky equation, chaotic in space and time.

    Args:
        t_final: Last time, dimensionless. Chaos sets in at about 0.4.

    Returns:
        The problem for u(x, t).
    """
    positive(t_final=t_final)
    domain = Box(x=(0, 2 * pi), t=(0, t_final))

    def chaos(u):
        return u.t + ALPHA * u * u.x + BETA * u.xx + GAMMA * u.xxxx

    def start(x: Tensor) -> Tensor:
        return torch.cos(x) * (1 + torch.sin(x))

    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "chaos": Condition(chaos, on=domain.interior),
            "start": Initial(u=start, on=domain.initial),
            "period": Periodic("u", on=domain.face(x=0), to=domain.face(x=2 * pi), order=3),
        },
        reference=kuramoto_sivashinsky_reference(ALPHA, BETA, GAMMA, t_final=t_final),
        source="Wang, Sankaran, Perdikaris, Comput. Methods Appl. Mech. Engrg. 421, 2024",
    )
