r"""Lid-driven cavity: steady incompressible flow in a box whose lid slides. Dimensionless.

Equations, for velocity (u, v) and pressure p:
:math:`u u_x + v u_y = -p_x + \Delta u / \mathrm{Re}`,
:math:`u v_x + v v_y = -p_y + \Delta v / \mathrm{Re}`, :math:`u_x + v_y = 0` on 0 < x, y < 1.
Data: u = 4 x (1 - x), v = 0 on the lid y = 1; the other walls are at rest; p = 0 in the corner
(0, 0).
Reference: finite elements.
Source: Ghia, Ghia, Shin, High-Re solutions for incompressible flow using the Navier-Stokes
equations and a multigrid method, J. Comput. Phys. 48(3), 1982, 387-411; with a lid that is at rest
in the corners, as in Hao et al., PINNacle, NeurIPS 2024, the velocity does not jump there.
"""

from torch import Tensor

from pdenet import Condition, Dirichlet, Problem
from pdenet.checks import positive
from pdenet.geometry import Box, Point
from pdenet.jets import laplacian
from pdenet.references import lid_driven_cavity_reference


def lid_driven_cavity(reynolds: float = 100.0) -> Problem:
    """Lid-driven cavity flow.

    Args:
        reynolds: Reynolds number of the cavity's width and the lid's largest speed, up to 1000,
            where the reference ends.

    Returns:
        The problem for velocity (u, v) and pressure p, functions of (x, y).
    """
    positive(reynolds=reynolds)
    domain = Box(x=(0, 1), y=(0, 1))

    def momentum(u, v, p):
        along_x = u * u.x + v * u.y + p.x - laplacian(u) / reynolds
        along_y = u * v.x + v * v.y + p.y - laplacian(v) / reynolds
        return along_x, along_y

    def continuity(u, v):
        return u.x + v.y

    def lid(x: Tensor) -> Tensor:
        return 4 * x * (1 - x)

    walls = domain.face(x=(0, 1)) | domain.face(y=0)
    return Problem(
        domain=domain,
        fields=("u", "v", "p"),
        conditions={
            "momentum": Condition(momentum, on=domain.interior),
            "continuity": Condition(continuity, on=domain.interior),
            "lid": Dirichlet(u=lid, v=0, on=domain.face(y=1)),
            "walls": Dirichlet(u=0, v=0, on=walls),
            "gauge": Dirichlet(p=0, on=Point(x=0, y=0), hard=False),
        },
        reference=lid_driven_cavity_reference(reynolds),
        # The gauge is a choice: an error in its corner shall not count everywhere.
        modulo_constant=("p",),
        source="Ghia, Ghia, Shin, J. Comput. Phys. 48(3), 1982",
    )
