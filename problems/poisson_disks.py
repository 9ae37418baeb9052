r"""Laplace's equation on a square with four holes. Dimensionless.

Equation: :math:`\Delta u = 0` on 0 < x, y < 1 without four disks of radius 0.1.
Data: the exact solution's values on the outer boundary and on the holes' rims.
Exact solution, of strengths :math:`q_i` in the holes' centres :math:`c_i`:
:math:`u = \sum_i q_i \log |x - c_i|`.
Source: geometry of Hao et al., PINNacle: A Comprehensive Benchmark of Physics-Informed Neural
Networks for Solving PDEs, NeurIPS 2024 (Poisson2d-C, moved to the unit square); the solution is
ours.
"""

import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Problem
from pdenet.geometry import Box, Disk
from pdenet.jets import laplacian
from pdenet.references import Exact

RADIUS = 0.1
STRENGTHS = {(0.2, 0.2): 1.0, (0.8, 0.2): -0.5, (0.2, 0.8): -1.0, (0.8, 0.8): 0.75}


def poisson_disks() -> Problem:
    """Laplace's equation on a square with four holes.

    Returns:
        The problem for u(x, y).
    """
    square = Box(x=(0, 1), y=(0, 1))
    domain = square
    for centre in STRENGTHS:
        domain = domain - Disk(center=centre, radius=RADIUS)

    def laplace(u):
        return laplacian(u)

    def logarithms(x: Tensor, y: Tensor) -> Tensor:
        terms = [q / 2 * torch.log((x - a) ** 2 + (y - b) ** 2) for (a, b), q in STRENGTHS.items()]
        return sum(terms[1:], terms[0])

    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "laplace": Condition(laplace, on=domain.interior),
            # Trained: the formula is the solution inside as well, and would give it away.
            "boundary": Dirichlet(u=logarithms, on=domain.boundary, hard=False),
        },
        reference=Exact(u=logarithms),
        source="Hao et al., PINNacle, NeurIPS 2024 (geometry of Poisson2d-C)",
    )
