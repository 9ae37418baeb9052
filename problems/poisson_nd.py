r"""Poisson's equation on a cube of any dimension, a sum of cosines. Dimensionless.

Equation: :math:`-\Delta u = \pi^2 \sum_i \cos(\pi x_i)` on :math:`0 < x_1, ..., x_d < 1`.
Data: the exact solution's values on the boundary.
Exact solution: :math:`u = \sum_i \cos(\pi x_i)`.
Source: Müller and Zeinhofer, Achieving High Accuracy with PINNs via Energy Natural Gradient
Descent, ICML 2023 (d = 5).
"""

from math import pi

import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Problem
from pdenet.checks import whole
from pdenet.conditions import with_signature
from pdenet.geometry import Box
from pdenet.jets import laplacian
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

    # Functions of as many names as there are coordinates cannot be written out.
    exact = with_signature(waves, names)
    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "poisson": Condition(with_signature(poisson, ["u", *names]), on=domain.interior),
            # Trained: interpolation between opposite faces, which is how values are imposed, gives
            # sums of functions of one coordinate exactly. Nothing would be left to learn.
            "boundary": Dirichlet(u=exact, on=domain.boundary, hard=False),
        },
        reference=Exact(u=exact),
        source="Müller and Zeinhofer, ICML 2023",
    )
