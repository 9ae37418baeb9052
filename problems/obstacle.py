r"""A membrane pushed up by an obstacle. Dimensionless.

Equation: :math:`\Delta u = 0` where :math:`u > \psi`, and :math:`-\Delta u \ge 0`,
:math:`u \ge \psi` everywhere, on the disk r < 2; :math:`\psi = 1 - r^2`.
Data: u = 0 on the circle r = 2.
Exact solution: :math:`u = 1 - r^2` for r < a, where the membrane rests on the obstacle, and
:math:`u = 2 a^2 \log(2 / r)` beyond, with a from :math:`a^2 (1 + 2 \log(2 / a)) = 1`. It minimizes
:math:`\int \tfrac12 |\nabla u|^2` among all :math:`u \ge \psi`, with the minimum
:math:`\pi a^4 (1 + 4 \log(2 / a))`.
Source: Kinderlehrer and Stampacchia, An Introduction to Variational Inequalities and Their
Applications, 1980, chapter IV; radial solution by hand.

There is no equation that holds everywhere, so the problem is given by its energy alone. Second
derivatives jump where the membrane leaves the obstacle, which smooth networks follow slowly.
"""

from math import exp, log, pi, sqrt

import torch
from scipy.special import lambertw
from torch import Tensor

from pdenet import Dirichlet, Problem
from pdenet.energy import Energy
from pdenet.geometry import Disk
from pdenet.jets import dot, grad
from pdenet.references import Exact

RADIUS = 2.0


def obstacle() -> Problem:
    """A membrane pushed up by an obstacle.

    Returns:
        The problem for the membrane's height u(x, y).
    """
    domain = Disk(center=(0, 0), radius=RADIUS)
    # The contact radius a: with c = 1 + log 4, a^2 (c - log a^2) = 1.
    c = 1 + log(RADIUS**2)
    contact = sqrt(exp(c + float(lambertw(-exp(-c), -1).real)))

    def height(x: Tensor, y: Tensor) -> Tensor:
        squared = x**2 + y**2
        # Away from the centre, so that the branch not taken stays finite.
        outside = torch.clamp(squared, min=0.1)
        free = contact**2 * (2 * log(RADIUS) - torch.log(outside))
        return torch.where(squared > contact**2, free, 1 - squared)

    return Problem(
        domain=domain,
        fields="u",
        conditions={"rim": Dirichlet(u=0, on=domain.boundary)},
        energy=Energy(
            lambda u: 0.5 * dot(grad(u), grad(u)),
            on=domain.interior,
            at_least={"u": lambda x, y: 1 - x**2 - y**2},
            exact=pi * contact**4 * (1 + 4 * log(RADIUS / contact)),
        ),
        reference=Exact(u=height),
        source="Kinderlehrer and Stampacchia 1980, chapter IV",
    )
