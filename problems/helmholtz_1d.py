r"""Helmholtz equation on a long interval: 20 waves of two lengths. Dimensionless.

Equation: :math:`u'' - \lambda u = f` on 0 < x < 8; f from the solution.
Data: the exact solution's values at both ends.
Exact solution:
:math:`u = \sin(3 \pi x + \tfrac{3 \pi}{20}) \cos(2 \pi x + \tfrac{\pi}{10}) + 2`.
Source: Chen, Chi, E, Yang, Bridging traditional and machine learning-based algorithms for solving
PDEs: The random feature method, J. Mach. Learn. 1(3), 2022, 268-298; lambda = 10 as
in Dong and Li, Comput. Methods Appl. Mech. Eng. 387, 2021, 114129.
"""

from math import pi

import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Problem
from pdenet.checks import finite
from pdenet.geometry import Interval
from pdenet.references import Exact


def helmholtz_1d(lam: float = 10.0) -> Problem:
    """Helmholtz equation on a long interval.

    Args:
        lam: Factor lambda of u, dimensionless. Where -lambda is near an eigenvalue, the square of
            a multiple of pi / 8, the problem is badly conditioned.

    Returns:
        The problem for u(x).
    """
    finite(lam=lam)
    domain = Interval(x=(0, 8))

    def exact(x: Tensor) -> Tensor:
        fast, slow = _waves(x)
        return torch.sin(fast) * torch.cos(slow) + 2

    def helmholtz(u, x):
        fast, slow = _waves(x)
        # The product of waves as a sum of waves, of which second derivatives are plain.
        bending = ((5 * pi) ** 2 * torch.sin(fast + slow) + pi**2 * torch.sin(fast - slow)) / 2
        return u.xx - lam * u + bending + lam * exact(x)

    left, right = domain.face(x=0), domain.face(x=8)
    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "helmholtz": Condition(helmholtz, on=domain.interior),
            "left": Dirichlet(u=exact, on=left),
            "right": Dirichlet(u=exact, on=right),
        },
        reference=Exact(u=exact),
        source="Chen, Chi, E, Yang, J. Mach. Learn. 1(3), 2022",
    )


def _waves(x: Tensor) -> tuple[Tensor, Tensor]:
    return 3 * pi * x + 3 * pi / 20, 2 * pi * x + pi / 10
