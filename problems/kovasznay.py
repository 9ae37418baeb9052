r"""Kovasznay flow: a laminar wake behind a grid, steady and incompressible. Dimensionless.

Equations, for velocity (u, v) and pressure p:
:math:`u u_x + v u_y = -p_x + \Delta u / \mathrm{Re}`,
:math:`u v_x + v v_y = -p_y + \Delta v / \mathrm{Re}`, :math:`u_x + v_y = 0`
on -0.5 < x < 1, -0.5 < y < 1.5.
Data: the exact velocity on the boundary. The pressure is known up to a constant.
Exact solution, with :math:`\lambda = \mathrm{Re}/2 - \sqrt{\mathrm{Re}^2/4 + 4 \pi^2}`:
:math:`u = 1 - e^{\lambda x} \cos(2 \pi y)`,
:math:`v = \tfrac{\lambda}{2 \pi} e^{\lambda x} \sin(2 \pi y)`,
:math:`p = \tfrac12 (1 - e^{2 \lambda x})`.
Source: Kovasznay, Laminar flow behind a two-dimensional grid, Math. Proc. Cambridge Philos. Soc.
44(1), 1948, 58-62.
"""

from math import pi, sqrt

import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Problem
from pdenet.checks import positive
from pdenet.geometry import Box
from pdenet.jets import laplacian
from pdenet.references import Exact


def kovasznay(reynolds: float = 40.0) -> Problem:
    """Kovasznay flow, a laminar wake behind a grid.

    Args:
        reynolds: Reynolds number of the grid's spacing.

    Returns:
        The problem for velocity (u, v) and pressure p, functions of (x, y).
    """
    positive(reynolds=reynolds)
    # The root as a quotient: no digits are lost at large Reynolds numbers.
    decay = -4 * pi**2 / (reynolds / 2 + sqrt(reynolds**2 / 4 + 4 * pi**2))
    domain = Box(x=(-0.5, 1), y=(-0.5, 1.5))

    def momentum(u, v, p):
        along_x = u * u.x + v * u.y + p.x - laplacian(u) / reynolds
        along_y = u * v.x + v * v.y + p.y - laplacian(v) / reynolds
        return along_x, along_y

    def continuity(u, v):
        return u.x + v.y

    def exact_u(x: Tensor, y: Tensor) -> Tensor:
        return 1 - torch.exp(decay * x) * torch.cos(2 * pi * y)

    def exact_v(x: Tensor, y: Tensor) -> Tensor:
        return decay / (2 * pi) * torch.exp(decay * x) * torch.sin(2 * pi * y)

    def exact_p(x: Tensor) -> Tensor:
        return (1 - torch.exp(2 * decay * x)) / 2

    return Problem(
        domain=domain,
        fields=("u", "v", "p"),
        conditions={
            "momentum": Condition(momentum, on=domain.interior),
            "continuity": Condition(continuity, on=domain.interior),
            "boundary": Dirichlet(u=exact_u, v=exact_v, on=domain.boundary),
        },
        reference=Exact(u=exact_u, v=exact_v, p=exact_p),
        modulo_constant=("p",),
        source="Kovasznay, Math. Proc. Cambridge Philos. Soc. 44(1), 1948",
    )
