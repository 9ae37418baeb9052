r"""Laplace's equation around a re-entrant corner, where the gradient is infinite. Dimensionless.

Equation: :math:`\Delta u = 0` on the square -1 < x, y < 1 without its quadrant x > 0, y < 0.
Data: u = 0 on the two edges at the corner (0, 0), the exact solution's values on the others.
Exact solution, in polar coordinates with the angle counted from the edge y = 0, x > 0:
:math:`u = r^{2/3} \sin(\tfrac23 \theta)`.
Source: Grisvard, Elliptic Problems in Nonsmooth Domains, 1985; a standard test of adaptive finite
elements (Mitchell, Appl. Math. Comput. 220, 2013, 350-364, re-entrant corner).

The singularity is no function of Sobolev's space H2: smooth networks approach it slowly.
"""

from math import pi, sqrt

import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Problem
from pdenet.geometry import Box
from pdenet.jets import laplacian
from pdenet.references import Exact


def poisson_l_shape() -> Problem:
    """Laplace's equation around a re-entrant corner.

    Returns:
        The problem for u(x, y).
    """
    domain = Box(x=(-1, 1), y=(-1, 1)) - Box(x=(0, 1), y=(-1, 0))

    def laplace(u):
        return laplacian(u)

    def at_corner(x: Tensor, y: Tensor) -> Tensor:
        return ((x == 0) & (y <= 0)) | ((y == 0) & (x >= 0))

    def away(x: Tensor, y: Tensor) -> Tensor:
        return ~at_corner(x, y)

    corner = domain.boundary.where(at_corner, "edges at the corner")
    outside = domain.boundary.where(away, "outer edges")
    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "laplace": Condition(laplace, on=domain.interior),
            "corner": Dirichlet(u=0, on=corner),
            "outside": Dirichlet(u=singular, on=outside, hard=False),
        },
        reference=Exact(u=singular),
        target=1e-2,
        source="Mitchell, Appl. Math. Comput. 220, 2013, re-entrant corner",
    )


def singular(x: Tensor, y: Tensor) -> Tensor:
    """The singular harmonic function of the corner, shape (n,).

    Its angle is counted from the domain's axis of symmetry, so that the jump of the inverse
    tangent falls into the missing quadrant.
    """
    along, across = (y - x) / sqrt(2), -(x + y) / sqrt(2)
    r = torch.sqrt(x**2 + y**2)
    theta = 2 * torch.atan(across / (r + along)) + 3 * pi / 4
    return r ** (2 / 3) * torch.sin(2 / 3 * theta)
