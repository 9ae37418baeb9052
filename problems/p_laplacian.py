r"""The p-Laplacian on the unit disk: a nonlinear diffusion that stops where nothing flows.

Dimensionless. Equation: :math:`-\nabla \cdot (|\nabla u|^{p-2} \nabla u) = 1` on
:math:`x^2 + y^2 < 1`.
Data: u = 0 on the circle.
Exact solution, with q = p / (p - 1) and r the distance from the centre:
:math:`u = 2^{-q/p} (1 - r^q) / q`, the minimizer of the energy
:math:`\int \tfrac1p |\nabla u|^p - u`, with the minimum :math:`-2 \pi\, 2^{-q} / (q (q + 2))`.
Source: Lindqvist, Notes on the p-Laplace Equation, University of Jyväskylä, 2006.

Second derivatives are infinite at the centre for p > 2.
"""

from math import isfinite, pi
from typing import Any

from pdenet import Condition, Dirichlet, Problem
from pdenet.energy import Energy
from pdenet.geometry import Disk
from pdenet.jets import div, dot, grad
from pdenet.references import Exact


def p_laplacian(p: float = 3.0) -> Problem:
    """The p-Laplacian on the unit disk.

    Args:
        p: Exponent of the gradient in the energy, 2 or more; 2 is Poisson's equation.

    Returns:
        The problem for u(x, y).
    """
    if not (isfinite(p) and p >= 2):
        raise ValueError(f"p={p} must be 2 or more, and finite.")
    domain = Disk(center=(0, 0), radius=1)
    q = p / (p - 1)

    def squared(u: Any) -> Any:
        return dot(grad(u), grad(u))

    def diffusion(u):
        return div(squared(u) ** ((p - 2) / 2) * grad(u)) + 1

    def exact(x: Any, y: Any) -> Any:
        return 2 ** (-q / p) * (1 - (x**2 + y**2) ** (q / 2)) / q

    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "diffusion": Condition(diffusion, on=domain.interior),
            "circle": Dirichlet(u=0, on=domain.boundary),
        },
        energy=Energy(
            lambda u: squared(u) ** (p / 2) / p - u,
            on=domain.interior,
            exact=-2 * pi * 2**-q / (q * (q + 2)),
        ),
        reference=Exact(u=exact),
        source="Lindqvist, Notes on the p-Laplace Equation, 2006",
    )
