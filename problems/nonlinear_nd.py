r"""A nonlinear equation in many dimensions with a solution near the origin. Dimensionless.

Equation: :math:`-\Delta u + u - u^3 = s` on :math:`-1 < x_1, ..., x_d < 1`.
Data: the exact solution's values on the boundary.
Exact solution: :math:`u = \exp(-10 |x|^2)`.
Source: after Tang, Wan and Yang, J. Comput. Phys. 476 (2023) 111868, section 5.4 (d = 10).

Errors are measured over the cube and over its core, where the solution lives.
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


def nonlinear_nd(dimension: int = 10) -> Problem:
    """A nonlinear equation with a solution near the origin.

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

    def reaction(u, **x):
        v = exponential(**x)
        source = 2 * FACTOR * (dimension - 2 * FACTOR * square(**x)) * v + v - v**3
        return -laplacian(u) + u - u**3 - source

    # Functions of as many names as there are coordinates cannot be written out.
    exact = with_signature(exponential, names)
    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "reaction": Condition(with_signature(reaction, ["u", *names]), on=domain.interior),
            # Trained: a product of distances to twenty faces is all but zero everywhere.
            "boundary": Dirichlet(u=exact, on=domain.boundary, hard=False),
        },
        reference=Exact(u=exact),
        core=Box(**dict.fromkeys(names, (-CORE, CORE))),
        target=1e-2,
        source="after Tang, Wan and Yang, J. Comput. Phys. 476 (2023), section 5.4",
    )
