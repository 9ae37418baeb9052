r"""Heat conduction with two scales: a fine wave along x, a coarse one along y. Dimensionless.

Equation: :math:`u_t = u_{xx} / (500 \pi)^2 + u_{yy} / \pi^2` on the unit square, 0 < t < 5.
Data: u = 0 on the walls; :math:`u(x, y, 0) = \sin(20 \pi x) \sin(\pi y)`.
Exact solution: :math:`u = e^{-(0.04^2 + 1) t} \sin(20 \pi x) \sin(\pi y)`.
Source: Hao et al., PINNacle, NeurIPS 2024 (Heat 2d-MS).
"""

from math import pi

import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Initial, Problem
from pdenet.checks import whole
from pdenet.geometry import Box
from pdenet.references import Exact


def heat_multiscale(frequency: int = 20) -> Problem:
    """Heat conduction with a fine and a coarse scale.

    Args:
        frequency: Number of half waves along x.

    Returns:
        The problem for the temperature u(x, y, t).
    """
    whole(frequency=frequency)
    domain = Box(x=(0, 1), y=(0, 1), t=(0, 5))
    along_x, along_y = 1 / (500 * pi) ** 2, 1 / pi**2
    decay = along_x * (frequency * pi) ** 2 + along_y * pi**2

    def heat(u):
        return u.t - along_x * u.xx - along_y * u.yy

    def start(x: Tensor, y: Tensor) -> Tensor:
        return torch.sin(frequency * pi * x) * torch.sin(pi * y)

    def exact(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return torch.exp(-decay * t) * start(x, y)

    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "heat": Condition(heat, on=domain.interior),
            "start": Initial(u=start, on=domain.initial),
            "walls": Dirichlet(u=0, on=domain.boundary),
        },
        reference=Exact(u=exact),
        source="Hao et al., PINNacle, NeurIPS 2024, Heat 2d-MS",
    )
