r"""Helmholtz equation on a square, six waves along each edge. Dimensionless.

Equation: :math:`\Delta u + u = q` on -1 < x, y < 1; q from the solution.
Data: u is periodic in x and y, or u = 0 on the boundary.
Exact solution: :math:`u = \sin(a \pi x) \sin(a \pi y)`, a = 6.
Source: Urbán, Stefanou, Pons, Unveiling the optimization process of physics informed neural
networks, J. Comput. Phys. 523, 2025, 113656 (2DH, with a periodic embedding); with u = 0 on the
boundary Wang, Teng, Perdikaris, SIAM J. Sci. Comput. 43(5), 2021, A3055-A3081.
"""

from math import pi
from typing import Literal

import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Periodic, Problem
from pdenet.checks import one_of, whole
from pdenet.geometry import Box
from pdenet.jets import laplacian
from pdenet.references import Exact


def helmholtz_2d(frequency: int = 6, boundary: Literal["periodic", "zero"] = "periodic") -> Problem:
    """Helmholtz equation on a square.

    Args:
        frequency: Number a of waves along each edge, of length 2.
        boundary: Whether u is periodic or zero on the boundary; the solution is both.

    Returns:
        The problem for u(x, y).
    """
    whole(frequency=frequency)
    one_of("periodic", "zero", boundary=boundary)
    wave = frequency * pi
    domain = Box(x=(-1, 1), y=(-1, 1))

    def exact(x: Tensor, y: Tensor) -> Tensor:
        return torch.sin(wave * x) * torch.sin(wave * y)

    def helmholtz(u, x, y):
        return laplacian(u) + u - (1 - 2 * wave**2) * exact(x, y)

    left, right = domain.face(x=-1), domain.face(x=1)
    bottom, top = domain.face(y=-1), domain.face(y=1)
    data = {
        "periodic": {
            "period in x": Periodic("u", on=left, to=right),
            "period in y": Periodic("u", on=bottom, to=top),
        },
        "zero": {"boundary": Dirichlet(u=0, on=domain.boundary)},
    }
    return Problem(
        domain=domain,
        fields="u",
        conditions={"helmholtz": Condition(helmholtz, on=domain.interior), **data[boundary]},
        reference=Exact(u=exact),
        source="Urbán, Stefanou, Pons, J. Comput. Phys. 523, 2025 (2DH)",
    )
