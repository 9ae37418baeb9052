r"""Klein-Gordon equation with a cubic term, manufactured solution. Dimensionless.

Equation: :math:`u_{tt} - u_{xx} + u^3 = f(x, t)` on 0 < x < 1, 0 < t < 1.
Data: u(0, t) = 0, :math:`u(1, t) = \cos(5 \pi t) + t^3`; u(x, 0) = x, at rest; f from the solution.
Exact solution: :math:`u = x \cos(5 \pi t) + (x t)^3`.
Source: Wang, Teng, Perdikaris, Understanding and mitigating gradient flow pathologies in
physics-informed neural networks, SIAM J. Sci. Comput. 43(5), 2021, A3055-A3081, section 4.2.
"""

from math import pi

import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Initial, Problem
from pdenet.geometry import Box
from pdenet.references import Exact


def klein_gordon() -> Problem:
    """Klein-Gordon equation with a cubic term.

    Returns:
        The problem for u(x, t).
    """
    domain = Box(x=(0, 1), t=(0, 1))

    def exact(x: Tensor, t: Tensor) -> Tensor:
        return x * torch.cos(5 * pi * t) + (x * t) ** 3

    def klein_gordon_equation(u, x, t):
        acceleration = -((5 * pi) ** 2) * x * torch.cos(5 * pi * t) + 6 * x**3 * t
        force = acceleration - 6 * x * t**3 + exact(x, t) ** 3
        return u.tt - u.xx + u**3 - force

    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "klein-gordon": Condition(klein_gordon_equation, on=domain.interior),
            "start": Initial(u=lambda x: x, rate={"u": 0}, on=domain.initial),
            "left": Dirichlet(u=0, on=domain.face(x=0)),
            "right": Dirichlet(u=lambda t: torch.cos(5 * pi * t) + t**3, on=domain.face(x=1)),
        },
        reference=Exact(u=exact),
        source="Wang, Teng, Perdikaris, SIAM J. Sci. Comput. 43(5), 2021, section 4.2",
    )
