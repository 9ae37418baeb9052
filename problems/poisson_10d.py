r"""Laplace's equation in ten dimensions. Dimensionless.

Equation: :math:`\Delta u = 0` on :math:`0 < x_1, ..., x_{10} < 1`.
Data: the exact solution's values on the boundary.
Exact solution: :math:`u = \sum_{k=1}^{5} x_{2k-1} x_{2k}`, the minimizer of the energy
:math:`\int \tfrac12 |\nabla u|^2`, which is there 5/3.
Source: E and Yu, The Deep Ritz method: a deep learning-based numerical algorithm for solving
variational problems, Commun. Math. Stat. 6 (2018), 1-12, section 3.2; they reach 0.4 per cent.

Integrals over ten dimensions are known by sampling only.
"""

from torch import Tensor

from pdenet import Condition, Dirichlet, Problem
from pdenet.conditions import with_signature
from pdenet.energy import Energy
from pdenet.geometry import Box
from pdenet.jets import dot, grad, laplacian
from pdenet.references import Exact

NAMES = [f"x{i}" for i in range(1, 11)]


def poisson_10d() -> Problem:
    """Laplace's equation in ten dimensions.

    Returns:
        The problem for u(x1, ..., x10).
    """
    domain = Box(**dict.fromkeys(NAMES, (0, 1)))

    def products(**x: Tensor) -> Tensor:
        terms = [x[a] * x[b] for a, b in zip(NAMES[::2], NAMES[1::2], strict=True)]
        return sum(terms[1:], terms[0])

    # Functions of as many names as there are coordinates cannot be written out.
    exact = with_signature(products, NAMES)
    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "laplace": Condition(lambda u: laplacian(u), on=domain.interior),
            # Trained: the formula is the solution inside as well, and would give it away.
            "boundary": Dirichlet(u=exact, on=domain.boundary, hard=False),
        },
        energy=Energy(lambda u: 0.5 * dot(grad(u), grad(u)), on=domain.interior, exact=5 / 3),
        reference=Exact(u=exact),
        target=1e-2,
        source="E and Yu, Commun. Math. Stat. 6, 2018, section 3.2",
    )
