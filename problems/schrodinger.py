r"""Nonlinear Schrödinger equation: a breather of two solitons. Dimensionless.

Equation: :math:`i h_t + \tfrac12 h_{xx} + |h|^2 h = 0` for h = u + i v on -15 < x < 15,
0 < t < pi/2.
Data: h is periodic in x; :math:`h(x, 0) = 2 / \cosh x`.
Reference: Fourier series with exponential time differencing.
Source: Satsuma and Yajima, Prog. Theor. Phys. Suppl. 55, 1974, 284-306; as a benchmark of networks,
on a shorter interval, Raissi, Perdikaris, Karniadakis, J. Comput. Phys. 378, 2019, 686-707.
"""

from math import pi

import torch
from torch import Tensor

from pdenet import Condition, Initial, Periodic, Problem
from pdenet.geometry import Box
from pdenet.references import schrodinger_reference


def schrodinger() -> Problem:
    """Nonlinear Schrödinger equation, a breather of two solitons.

    Returns:
        The problem for the real part u(x, t) and the imaginary part v(x, t).
    """
    domain = Box(x=(-15, 15), t=(0, pi / 2))

    def wave(u, v):
        density = u**2 + v**2
        real = -v.t + 0.5 * u.xx + density * u
        imaginary = u.t + 0.5 * v.xx + density * v
        return real, imaginary

    def start(x: Tensor) -> Tensor:
        return 2 / torch.cosh(x)

    return Problem(
        domain=domain,
        fields=("u", "v"),
        conditions={
            "wave": Condition(wave, on=domain.interior),
            "start": Initial(u=start, v=0, on=domain.initial),
            "period": Periodic("u", "v", on=domain.face(x=-15), to=domain.face(x=15)),
        },
        reference=schrodinger_reference(),
        source="Satsuma and Yajima, Prog. Theor. Phys. Suppl. 55, 1974",
    )
