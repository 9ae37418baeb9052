r"""Poisson's equation in many dimensions with a solution that lives near the origin. Dimensionless.

Equation: :math:`-\Delta u = s` on :math:`-1 < x_1, ..., x_d < 1`.
Data: the exact solution's values on the boundary.
Exact solution: :math:`u = \exp(-10 |x|^2)`.
Source: Tang, Wan and Yang, DAS-PINNs, J. Comput. Phys. 476 (2023) 111868, section 5.3 (d = 10).

Uniform points of a cube of ten dimensions all but miss the solution, in training and in testing:
errors are measured over the cube and over its core.
"""

import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Problem
from pdenet.checks import whole
from pdenet.conditions import with_signature
from pdenet.geometry import Box
from pdenet.jets import laplacian
from pdenet.references import Exact

FACTOR = 10.0
CORE = 0.3  # half the edge of the cube that holds about half of the solution's square


def exponential_nd(dimension: int = 10) -> Problem:
    """Poisson's equation with a solution that lives near the origin.

    Args:
        dimension: Number d of coordinates x1, ..., xd.

    Returns:
        The problem for u(x1, ..., xd).
    """
    whole(dimension=dimension)
    names = [f"x{i}" for i in range(1, dimension + 1)]
    domain = Box(**dict.fromkeys(names, (-1, 1)))

    def square(**x: Tensor) -> Tensor:
        terms = [value**2 for value in x.values()]
        return sum(terms[1:], terms[0])

    def exponential(**x: Tensor) -> Tensor:
        return torch.exp(-FACTOR * square(**x))

    def poisson(u, **x):
        source = 2 * FACTOR * (dimension - 2 * FACTOR * square(**x)) * exponential(**x)
        return -laplacian(u) - source

    # Functions of as many names as there are coordinates cannot be written out.
    exact = with_signature(exponential, names)
    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "poisson": Condition(with_signature(poisson, ["u", *names]), on=domain.interior),
            # Trained: a product of distances to twenty faces is all but zero everywhere.
            "boundary": Dirichlet(u=exact, on=domain.boundary, hard=False),
        },
        reference=Exact(u=exact),
        core=Box(**dict.fromkeys(names, (-CORE, CORE))),
        target=1e-2,
        source="Tang, Wan and Yang, J. Comput. Phys. 476 (2023), section 5.3",
    )
