r"""Poisson's equation on a cube of any dimension, a sum of cosines. Dimensionless.

Equation: :math:`-\Delta u = \pi^2 \sum_i \cos(\pi x_i)` on :math:`0 < x_1, ..., x_d < 1`.
Data: the exact solution's values on the boundary.
Exact solution: :math:`u = \sum_i \cos(\pi x_i)`, the minimizer of the energy
:math:`\int \tfrac12 |\nabla u|^2 - f u` with :math:`f = -\Delta u`; the minimum is
:math:`-\pi^2 d / 4`.
Source: Müller and Zeinhofer, Achieving High Accuracy with PINNs via Energy Natural Gradient
Descent, ICML 2023 (d = 5).
"""

from math import pi

import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Problem
from pdenet.checks import whole
from pdenet.conditions import with_signature
from pdenet.energy import Energy
from pdenet.geometry import Box
from pdenet.jets import dot, grad, laplacian
from pdenet.references import Exact


def poisson_nd(dimension: int = 5) -> Problem:
    """Poisson's equation on a cube of any dimension.

    Args:
        dimension: Number d of coordinates x1, ..., xd.

    Returns:
        The problem for u(x1, ..., xd).
    """
    whole(dimension=dimension)
    names = [f"x{i}" for i in range(1, dimension + 1)]
    domain = Box(**dict.fromkeys(names, (0, 1)))

    def waves(**x: Tensor) -> Tensor:
        terms = [torch.cos(pi * value) for value in x.values()]
        return sum(terms[1:], terms[0])

    def poisson(u, **x):
        return laplacian(u) + pi**2 * waves(**x)

    def density(u, **x):
        return 0.5 * dot(grad(u), grad(u)) - pi**2 * waves(**x) * u

    # Functions of as many names as there are coordinates cannot be written out.
    exact = with_signature(waves, names)
    energy = Energy(
        with_signature(density, ["u", *names]), on=domain.interior, exact=-(pi**2) * dimension / 4
    )
    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "poisson": Condition(with_signature(poisson, ["u", *names]), on=domain.interior),
            # Trained: interpolation between opposite faces, which is how values are imposed, gives
            # sums of functions of one coordinate exactly. Nothing would be left to learn.
            "boundary": Dirichlet(u=exact, on=domain.boundary, hard=False),
        },
        energy=energy,
        reference=Exact(u=exact),
        source="Müller and Zeinhofer, ICML 2023",
    )
