r"""Laplace's equation with heat transfer to the surroundings on all sides. Dimensionless.

Equation: :math:`\Delta u = 0` on 0 < x, y < 1.
Data: :math:`\partial u / \partial n + a u = g` on the boundary; g from the solution.
Exact solution: :math:`u = e^x \cos y`, the minimizer of the energy
:math:`\int \tfrac12 |\nabla u|^2 + \oint \tfrac a2 u^2 - g u`. No condition is essential.
Source: manufactured; the condition is Newton's law of cooling in Carslaw and Jaeger, Conduction of
Heat in Solids, 2nd edition, 1959, chapter I.
"""

from math import cos, e, sin
from typing import Any

import torch
from torch import Tensor

from pdenet import Condition, Problem, Robin
from pdenet.checks import positive
from pdenet.energy import Energy, Integrand
from pdenet.geometry import Box
from pdenet.jets import dot, grad, laplacian
from pdenet.references import Exact


def poisson_robin(transfer: float = 1.0) -> Problem:
    """Laplace's equation with heat transfer to the surroundings on all sides.

    Args:
        transfer: Coefficient a of the heat transfer.

    Returns:
        The problem for u(x, y).
    """
    positive(transfer=transfer)
    domain = Box(x=(0, 1), y=(0, 1))

    def exchange(x: Tensor, y: Tensor, nx: Tensor, ny: Tensor) -> Tensor:
        return torch.exp(x) * (nx * torch.cos(y) - ny * torch.sin(y) + transfer * torch.cos(y))

    def surroundings(u: Any, x: Any, y: Any, nx: Any, ny: Any) -> Any:
        return (0.5 * transfer * u - exchange(x, y, nx, ny)) * u

    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "laplace": Condition(lambda u: laplacian(u), on=domain.interior),
            "exchange": Robin(u=(transfer, 1.0, exchange), on=domain.boundary),
        },
        energy=Energy(
            lambda u: 0.5 * dot(grad(u), grad(u)),
            on=domain.interior,
            boundary={"surroundings": Integrand(surroundings, on=domain.boundary)},
            exact=_minimum(transfer),
        ),
        reference=Exact(u=lambda x, y: torch.exp(x) * torch.cos(y)),
        source="manufactured; Carslaw and Jaeger 1959",
    )


def _minimum(transfer: float) -> float:
    """Minus half of what the quadratic part is at the solution."""
    inside = 0.5 * (e**2 - 1)
    sides = (1 + e**2) * (0.5 + sin(2) / 4) + (1 + cos(1) ** 2) * inside
    return -0.5 * (inside + transfer * sides)
