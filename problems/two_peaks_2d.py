r"""Convection and diffusion with two sharp peaks, which uniform points mostly miss. Dimensionless.

Equation: :math:`-\nabla\cdot(u \nabla v) + \Delta u = s` on -1 < x, y < 1, with
:math:`v = x^2 + y^2`.
Data: the exact solution's values on the boundary.
Exact solution, with a = 1000:
:math:`u = \sum_\pm \exp(-a [(x \mp \tfrac12)^2 + (y \mp \tfrac12)^2])`.
Source: Tang, Wan and Yang, DAS-PINNs, J. Comput. Phys. 476 (2023) 111868, section 5.2.
"""

import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Problem
from pdenet.checks import positive
from pdenet.geometry import Box
from pdenet.jets import laplacian
from pdenet.references import Exact

CENTRES = (0.5, -0.5)


def two_peaks_2d(sharpness: float = 1000.0) -> Problem:
    """Convection and diffusion with two sharp peaks.

    Args:
        sharpness: Factor a in the exponents; the peaks are 1 / sqrt(2 a) wide.

    Returns:
        The problem for u(x, y).
    """
    positive(sharpness=sharpness)
    domain = Box(x=(-1, 1), y=(-1, 1))

    def peak(c: float, x: Tensor, y: Tensor) -> Tensor:
        return torch.exp(-sharpness * ((x - c) ** 2 + (y - c) ** 2))

    def peaks(x: Tensor, y: Tensor) -> Tensor:
        return peak(CENTRES[0], x, y) + peak(CENTRES[1], x, y)

    def operator_on_peak(c: float, x: Tensor, y: Tensor) -> Tensor:
        across, along = (x - c) ** 2 + (y - c) ** 2, x * (x - c) + y * (y - c)
        # div(u grad v) = grad u . grad v + 4 u, since v = x^2 + y^2 has the Laplacian 4.
        factor = 4 * sharpness * (along + sharpness * across - 1) - 4
        return factor * peak(c, x, y)

    def transport(u, x, y):
        source = operator_on_peak(CENTRES[0], x, y) + operator_on_peak(CENTRES[1], x, y)
        return -(2 * x * u.x + 2 * y * u.y + 4 * u) + laplacian(u) - source

    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "transport": Condition(transport, on=domain.interior),
            "boundary": Dirichlet(u=peaks, on=domain.boundary),
        },
        reference=Exact(u=peaks),
        target=1e-2,
        source="Tang, Wan and Yang, J. Comput. Phys. 476 (2023), section 5.2",
    )
