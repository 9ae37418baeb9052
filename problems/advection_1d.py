r"""Advection of a sine wave at high speed, periodic. Dimensionless.

Equation: :math:`u_t + c\,u_x = 0` on 0 < x < 2 pi, 0 < t < 1, c = 50.
Data: u is periodic in x; :math:`u(x, 0) = \sin x`.
Exact solution: :math:`u = \sin(x - c t)`.
Source: Krishnapriyan, Gholami, Zhe, Kirby, Mahoney, Characterizing possible failure modes in
physics-informed neural networks, NeurIPS 2021, section 3.1.
"""

from math import pi

import torch
from torch import Tensor

from pdenet import Condition, Initial, Periodic, Problem
from pdenet.checks import finite
from pdenet.geometry import Box
from pdenet.references import Exact


def advection_1d(speed: float = 50.0) -> Problem:
    """Advection of a sine wave at high speed.

    Args:
        speed: Speed c of the wave, dimensionless; a negative one moves it to the left.

    Returns:
        The problem for u(x, t).
    """
    finite(speed=speed)
    domain = Box(x=(0, 2 * pi), t=(0, 1))

    def advection(u):
        return u.t + speed * u.x

    def exact(x: Tensor, t: Tensor) -> Tensor:
        return torch.sin(x - speed * t)

    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "advection": Condition(advection, on=domain.interior),
            "start": Initial(u=lambda x: torch.sin(x), on=domain.initial),
            "period": Periodic("u", on=domain.face(x=0), to=domain.face(x=2 * pi), order=0),
        },
        reference=Exact(u=exact),
        source="Krishnapriyan et al., NeurIPS 2021, section 3.1",
    )
