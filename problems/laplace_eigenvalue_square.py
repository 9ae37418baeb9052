r"""The three lowest tones of a square drum. Dimensionless.

Equation: :math:`-\Delta u = \lambda u` on 0 < x, y < 1, :math:`u \ne 0`.
Data: u = 0 on the boundary.
Exact solution: :math:`u = 2 \sin(m \pi x) \sin(n \pi y)`, :math:`\lambda = (m^2 + n^2) \pi^2`; the
lowest are (m, n) = (1, 1), then (1, 2) and (2, 1) with the same eigenvalue.
Source: Courant and Hilbert, Methods of Mathematical Physics I, 1953, chapter V.

Eigenfunctions are compared up to factors and rotations among equal eigenvalues. All levels are
minimized together as a trace.
"""

from math import pi

import torch
from torch import Tensor

from pdenet import Dirichlet, Problem
from pdenet.checks import whole
from pdenet.energy import Rayleigh
from pdenet.geometry import Box
from pdenet.jets import dot, grad
from pdenet.references import Exact

WAVES = ((1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1))


def laplace_eigenvalue_square(levels: int = 3) -> Problem:
    """The lowest tones of a square drum.

    Args:
        levels: How many eigenvalues, 1 to 6.

    Returns:
        The problem for the eigenfunctions u(x, y), a vector of so many states.
    """
    whole(levels=levels)
    if levels > len(WAVES):
        raise ValueError(f"levels={levels} must be at most {len(WAVES)}.")
    domain = Box(x=(0, 1), y=(0, 1))

    def exact(x: Tensor, y: Tensor) -> Tensor | tuple[Tensor, ...]:
        states = [2 * torch.sin(m * pi * x) * torch.sin(n * pi * y) for m, n in WAVES[:levels]]
        return tuple(states) if levels > 1 else states[0]

    return Problem(
        domain=domain,
        fields={"u": levels if levels > 1 else ()},
        conditions={"rim": Dirichlet(u=0, on=domain.boundary)},
        energy=Rayleigh(
            lambda u: dot(grad(u), grad(u)),
            lambda u: u * u,
            on=domain.interior,
            states=levels,
            exact=[(m**2 + n**2) * pi**2 for m, n in WAVES[:levels]],
        ),
        reference=Exact(u=exact),
        source="Courant and Hilbert 1953, chapter V",
    )
