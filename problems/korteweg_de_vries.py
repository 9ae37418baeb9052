r"""Korteweg-de Vries equation: a cosine breaks up into solitons. Dimensionless.

Equation: :math:`u_t + u u_x + \delta^2 u_{xxx} = 0` on -1 < x < 1, 0 < t < 1, delta = 0.022.
Data: u is periodic in x; :math:`u(x, 0) = \cos(\pi x)`.
Reference: Fourier series with exponential time differencing.
Source: Zabusky and Kruskal, Phys. Rev. Lett. 15, 1965, 240-243.
"""

from math import pi

import torch
from torch import Tensor

from pdenet import Condition, Initial, Periodic, Problem
from pdenet.checks import positive
from pdenet.geometry import Box
from pdenet.references import korteweg_de_vries_reference


def korteweg_de_vries(delta: float = 0.022) -> Problem:
    """Korteweg-de Vries equation, a cosine that breaks up into solitons.

    Args:
        delta: Root of the dispersion, dimensionless; the width of the solitons.

    Returns:
        The problem for u(x, t).
    """
    positive(delta=delta)
    domain = Box(x=(-1, 1), t=(0, 1))

    def soliton(u):
        return u.t + u * u.x + delta**2 * u.xxx

    def start(x: Tensor) -> Tensor:
        return torch.cos(pi * x)

    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "soliton": Condition(soliton, on=domain.interior),
            "start": Initial(u=start, on=domain.initial),
            "period": Periodic("u", on=domain.face(x=-1), to=domain.face(x=1), order=2),
        },
        reference=korteweg_de_vries_reference(delta**2),
        source="Zabusky and Kruskal, Phys. Rev. Lett. 15, 1965",
    )
