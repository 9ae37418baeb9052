r"""Equations in many dimensions whose solution lives near the origin. Dimensionless.

Equation: :math:`-\Delta u = s` (exponential-nd) or :math:`-\Delta u + u - u^3 = s` (nonlinear-nd)
on :math:`-1 < x_1, ..., x_d < 1`.
Data: the exact solution's values on the boundary.
Exact solution of both: :math:`u = \exp(-10 |x|^2)`.
Source: Tang, Wan and Yang, DAS-PINNs, J. Comput. Phys. 476 (2023) 111868, sections 5.3 and 5.4
(d = 10; the second one's form is after theirs).

Uniform points of a cube of ten dimensions all but miss the solution, in training and in testing:
errors are measured over the cube and over its core.
"""

from collections.abc import Callable

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
    """Poisson's equation in many dimensions with a solution that lives near the origin.

    Args:
        dimension: Number d of coordinates x1, ..., xd.

    Returns:
        The problem for u(x1, ..., xd).
    """
    return _near_the_origin(dimension, "poisson", lambda u: 0.0, "section 5.3")


def nonlinear_nd(dimension: int = 10) -> Problem:
    """A nonlinear equation in many dimensions with a solution near the origin.

    Args:
        dimension: Number d of coordinates x1, ..., xd.

    Returns:
        The problem for u(x1, ..., xd).
    """
    return _near_the_origin(dimension, "reaction", lambda u: u - u**3, "after section 5.4")


def _near_the_origin(dimension: int, name: str, rest: Callable, where: str) -> Problem:
    """The problem whose equation is the Laplacian's and the rest of u."""
    whole(dimension=dimension)
    names = [f"x{i}" for i in range(1, dimension + 1)]
    domain = Box(**dict.fromkeys(names, (-1, 1)))

    def square(**x: Tensor) -> Tensor:
        terms = [value**2 for value in x.values()]
        return sum(terms[1:], terms[0])

    def exponential(**x: Tensor) -> Tensor:
        return torch.exp(-FACTOR * square(**x))

    def equation(u, **x):
        v = exponential(**x)
        source = 2 * FACTOR * (dimension - 2 * FACTOR * square(**x)) * v + rest(v)
        return -laplacian(u) + rest(u) - source

    # Functions of as many names as there are coordinates cannot be written out.
    exact = with_signature(exponential, names)
    return Problem(
        domain=domain,
        fields="u",
        conditions={
            name: Condition(with_signature(equation, ["u", *names]), on=domain.interior),
            # Trained: a product of distances to twenty faces is all but zero everywhere.
            "boundary": Dirichlet(u=exact, on=domain.boundary, hard=False),
        },
        reference=Exact(u=exact),
        core=Box(**dict.fromkeys(names, (-CORE, CORE))),
        target=1e-2,
        source=f"Tang, Wan and Yang, J. Comput. Phys. 476 (2023), {where}",
    )
