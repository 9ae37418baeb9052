r"""Linear elasticity of a square in plane strain. Dimensionless.

Equations, for the displacement :math:`(u, v)`: :math:`\nabla \cdot \sigma + f = 0` with the stress
:math:`\sigma = \lambda (u_x + v_y) I + 2 \mu \varepsilon` and the strain
:math:`\varepsilon = \tfrac12 (\nabla u + \nabla u^T)`, on 0 < x, y < 1; the body force f from the
solution. Lengths in units of the edge, stresses in those of :math:`\lambda` and :math:`\mu`.
Data: the bottom is fixed; the sides slide in x without stress; the top does not move in x and
carries the normal stress :math:`\sigma_{yy} = (\lambda + 2 \mu) Q \sin(\pi x)`.
Exact solution, Q = 4: :math:`u = \cos(2 \pi x) \sin(\pi y)`,
:math:`v = \sin(\pi x) Q y^4 / 4`.
The displacement minimizes the energy :math:`\int \tfrac12 \sigma : \varepsilon - f \cdot (u, v)`
less the work of the normal stress at the top.
Source: Haghighat, Raissi, Moure, Gomez, Juanes, A physics-informed deep learning framework for
inversion and surrogate modeling in solid mechanics, Comput. Methods Appl. Mech. Eng. 379, 2021,
113741.
"""

from math import pi
from typing import Any

import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Problem
from pdenet.checks import positive
from pdenet.energy import Energy, Integrand
from pdenet.geometry import Box
from pdenet.jets import Vector, div, grad
from pdenet.references import Exact

LOAD = 4.0


def linear_elasticity(lam: float = 1.0, mu: float = 0.5) -> Problem:
    """Linear elasticity of a square in plane strain.

    Args:
        lam: First Lamé constant lambda; near incompressibility it is much larger than mu.
        mu: Shear modulus, second Lamé constant.

    Returns:
        The problem for the displacement, a vector of (x, y).
    """
    positive(lam=lam, mu=mu)
    domain = Box(x=(0, 1), y=(0, 1))

    def stress(displacement: Any) -> Vector:
        (u_x, u_y), (v_x, v_y) = grad(displacement)
        pressure, shear = lam * (u_x + v_y), mu * (u_y + v_x)
        return Vector(
            [
                Vector([pressure + 2 * mu * u_x, shear]),
                Vector([shear, pressure + 2 * mu * v_y]),
            ]
        )

    def equilibrium(displacement, x, y):
        along_x, along_y = div(stress(displacement))
        force_x, force_y = _body_force(lam, mu, x, y)
        return along_x + force_x, along_y + force_y

    def density(displacement, x, y):
        (u_x, u_y), (v_x, v_y) = grad(displacement)
        force_x, force_y = _body_force(lam, mu, x, y)
        stored = 0.5 * lam * (u_x + v_y) ** 2 + mu * (u_x**2 + v_y**2 + 0.5 * (u_y + v_x) ** 2)
        return stored - force_x * displacement[0] - force_y * displacement[1]

    def work(displacement, x):
        return -(lam + 2 * mu) * LOAD * torch.sin(pi * x) * displacement[1]

    def sides(displacement):
        return displacement[1], stress(displacement)[0][0]

    def top(displacement, x):
        traction = (lam + 2 * mu) * LOAD * torch.sin(pi * x)
        return displacement[0], stress(displacement)[1][1] - traction

    return Problem(
        domain=domain,
        fields={"displacement": 2},
        conditions={
            "equilibrium": Condition(equilibrium, on=domain.interior),
            "bottom": Dirichlet(displacement=(0, 0), on=domain.face(y=0)),
            "sides": Condition(sides, on=domain.face(x=(0, 1))),
            "top": Condition(top, on=domain.face(y=1)),
        },
        energy=Energy(
            density,
            on=domain.interior,
            boundary={"work": Integrand(work, on=domain.face(y=1))},
            conditions={
                "slides": Condition(lambda displacement: displacement[1], on=domain.face(x=(0, 1))),
                "guided": Condition(lambda displacement: displacement[0], on=domain.face(y=1)),
            },
        ),
        reference=Exact(displacement=_exact),
        source="Haghighat et al., Comput. Methods Appl. Mech. Eng. 379, 2021",
    )


def _exact(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    u = torch.cos(2 * pi * x) * torch.sin(pi * y)
    return u, LOAD / 4 * torch.sin(pi * x) * y**4


def _body_force(lam: float, mu: float, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    u, v = _exact(x, y)
    u_xy = -2 * pi**2 * torch.sin(2 * pi * x) * torch.cos(pi * y)
    v_xy = LOAD * pi * torch.cos(pi * x) * y**3
    v_yy = 3 * LOAD * torch.sin(pi * x) * y**2
    force_x = pi**2 * (4 * (lam + 2 * mu) + mu) * u - (lam + mu) * v_xy
    force_y = mu * pi**2 * v - (lam + 2 * mu) * v_yy - (lam + mu) * u_xy
    return force_x, force_y
