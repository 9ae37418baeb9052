r"""A soft cantilever that bends far under a load on its end. Dimensionless.

Equation: the displacement (u, v) minimizes :math:`\int W(F) + \int_{x = 4} p\, v` with the stored
energy of a compressible neo-Hookean solid in plane strain, :math:`W = \tfrac \mu 2 (|F|^2 - 2) -
\mu \log J + \tfrac \lambda 2 (\log J)^2`, F = I + grad (u, v), J = det F, on 0 < x < 4, 0 < y < 1.
Lengths are in units of the beam's height, stresses in those of Young's modulus; Poisson's ratio is
0.3.
Data: clamped at x = 0; a dead load p on the end x = 4; free elsewhere.
Reference solution: quadratic finite elements, accurate to 1e-4.
Source: Nguyen-Thanh, Zhuang, Rabczuk, A deep energy method for finite deformation hyperelasticity,
European J. Mech. A 80 (2020), 103874 (a cantilever of the same shape and material).

The logarithm is continued below J = 0.1 by its parabola, so that networks that fold the beam, as
untrained ones may, have an energy to climb down from; solutions stay above.
"""

from math import log
from typing import Any

import torch

from pdenet import Dirichlet, Problem
from pdenet.checks import positive
from pdenet.energy import Energy, Integrand
from pdenet.geometry import Box
from pdenet.references import hyperelastic_beam_reference

POISSON = 0.3
LENGTH = 4.0
LEAST = 0.1  # of J, below which the logarithm is continued


def hyperelastic_beam(load: float = 0.005) -> Problem:
    """A soft cantilever that bends far under a load on its end.

    Args:
        load: Force on the end per length, over Young's modulus; up to 0.02.

    Returns:
        The problem for the displacements u(x, y) and v(x, y).
    """
    positive(load=load)
    domain = Box(x=(0, LENGTH), y=(0, 1))
    mu, lam = 0.5 / (1 + POISSON), POISSON / ((1 + POISSON) * (1 - 2 * POISSON))

    def stored(u, v):
        f = 1 + u.x, u.y, v.x, 1 + v.y
        squares = f[0] ** 2 + f[1] ** 2 + f[2] ** 2 + f[3] ** 2
        volume = _log(f[0] * f[3] - f[1] * f[2])
        # Over the load, so that energies are of order 1.
        return (0.5 * mu * (squares - 2) - mu * volume + 0.5 * lam * volume**2) / load

    return Problem(
        domain=domain,
        fields=("u", "v"),
        conditions={"clamp": Dirichlet(u=0, v=0, on=domain.face(x=0))},
        energy=Energy(
            stored,
            on=domain.interior,
            boundary={"work": Integrand(lambda v: v, on=domain.face(x=LENGTH))},
        ),
        reference=hyperelastic_beam_reference(load, length=LENGTH, poisson=POISSON),
        source="Nguyen-Thanh, Zhuang, Rabczuk, European J. Mech. A 80, 2020",
    )


def _log(j: Any) -> Any:
    step = (j - LEAST) / LEAST
    below = log(LEAST) + step - 0.5 * step**2
    return torch.where(j > LEAST, torch.log(torch.clamp(j, min=LEAST)), below)
