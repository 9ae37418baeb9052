r"""Decaying Taylor-Green vortices: unsteady incompressible flow. Dimensionless.

Equations, for velocity (u, v) and pressure p:
:math:`u_t + u u_x + v u_y = -p_x + \nu \Delta u`,
:math:`v_t + u v_x + v v_y = -p_y + \nu \Delta v`, :math:`u_x + v_y = 0`
on the square of width 2 pi, 0 < t < 1.
Data: periodic in x and y; the start velocity is the exact one. The equations know the pressure's
gradient only; p = 0 at the point (pi/4, pi/4) at all times fixes the rest.
Exact solution: :math:`u = -\cos x \sin y\, e^{-2 \nu t}`, :math:`v = \sin x \cos y\, e^{-2 \nu t}`,
:math:`p = -\tfrac14 (\cos 2x + \cos 2y)\, e^{-4 \nu t}`.
Source: Taylor and Green, Proc. R. Soc. A 158, 1937, 499-521; in this form Kim and Moin,
J. Comput. Phys. 59, 1985, 308-323.
"""

from math import pi

import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Initial, Periodic, Problem
from pdenet.checks import positive
from pdenet.geometry import Box, Interval, Point
from pdenet.jets import laplacian
from pdenet.references import Exact


def taylor_green(nu: float = 0.01) -> Problem:
    """Decaying Taylor-Green vortices.

    Args:
        nu: Viscosity, dimensionless: the inverse Reynolds number.

    Returns:
        The problem for velocity (u, v) and pressure p, functions of (x, y, t).
    """
    positive(nu=nu)
    domain = Box(x=(0, 2 * pi), y=(0, 2 * pi), t=(0, 1))
    gauge = Point(x=pi / 4, y=pi / 4) * Interval(t=(0, 1))

    def momentum(u, v, p):
        along_x = u.t + u * u.x + v * u.y + p.x - nu * laplacian(u)
        along_y = v.t + u * v.x + v * v.y + p.y - nu * laplacian(v)
        return along_x, along_y

    def continuity(u, v):
        return u.x + v.y

    def start_u(x: Tensor, y: Tensor) -> Tensor:
        return -torch.cos(x) * torch.sin(y)

    def start_v(x: Tensor, y: Tensor) -> Tensor:
        return torch.sin(x) * torch.cos(y)

    exact = Exact(
        u=lambda x, y, t: start_u(x, y) * torch.exp(-2 * nu * t),
        v=lambda x, y, t: start_v(x, y) * torch.exp(-2 * nu * t),
        p=lambda x, y, t: -(torch.cos(2 * x) + torch.cos(2 * y)) / 4 * torch.exp(-4 * nu * t),
    )
    left, right = domain.face(x=0), domain.face(x=2 * pi)
    bottom, top = domain.face(y=0), domain.face(y=2 * pi)
    return Problem(
        domain=domain,
        fields=("u", "v", "p"),
        conditions={
            "momentum": Condition(momentum, on=domain.interior),
            "continuity": Condition(continuity, on=domain.interior),
            "start": Initial(u=start_u, v=start_v, on=domain.initial),
            "period in x": Periodic("u", "v", "p", on=left, to=right),
            "period in y": Periodic("u", "v", "p", on=bottom, to=top),
            "gauge": Dirichlet(p=0, on=gauge, hard=False),
        },
        reference=exact,
        source="Taylor and Green, Proc. R. Soc. A 158, 1937",
    )
