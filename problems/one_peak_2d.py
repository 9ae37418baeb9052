r"""Poisson's equation with one sharp peak, which uniform points mostly miss. Dimensionless.

Equation: :math:`-\Delta u = s` on -1 < x, y < 1.
Data: the exact solution's values on the boundary.
Exact solution: :math:`u = \exp(-a [(x - \tfrac12)^2 + (y - \tfrac12)^2])` with a = 1000.
Source: Tang, Wan and Yang, DAS-PINNs, J. Comput. Phys. 476 (2023) 111868, section 5.1.
"""

import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Problem
from pdenet.checks import positive
from pdenet.geometry import Box
from pdenet.jets import laplacian
from pdenet.references import Exact


def one_peak_2d(sharpness: float = 1000.0) -> Problem:
    """Poisson's equation with one sharp peak.

    Args:
        sharpness: Factor a in the exponent; the peak is 1 / sqrt(2 a) wide.

    Returns:
        The problem for u(x, y).
    """
    positive(sharpness=sharpness)
    domain = Box(x=(-1, 1), y=(-1, 1))

    def square(x: Tensor, y: Tensor) -> Tensor:
        return sharpness * ((x - 0.5) ** 2 + (y - 0.5) ** 2)

    def peak(x: Tensor, y: Tensor) -> Tensor:
        return torch.exp(-square(x, y))

    def poisson(u, x, y):
        # The Laplacian of exp(-q) is 4 a (q - 1) exp(-q).
        return laplacian(u) - 4 * sharpness * (square(x, y) - 1) * peak(x, y)

    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "poisson": Condition(poisson, on=domain.interior),
            "boundary": Dirichlet(u=peak, on=domain.boundary),
        },
        reference=Exact(u=peak),
        target=1e-2,
        source="Tang, Wan and Yang, J. Comput. Phys. 476 (2023), section 5.1",
    )
