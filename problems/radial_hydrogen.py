r"""The three lowest s states of the hydrogen atom, by their radial functions. In atomic units.

Equation: :math:`-\tfrac12 w'' - w / r = E w` for w = r R(r) on 0 < r < 60, in the coordinate
:math:`s = \sqrt r`, in which all three states vary on scales of order 1: with u(s) = w(s^2) the
quotient is :math:`\int (u'^2 / (4 s) - 2 u^2 / s)\, ds \big/ \int 2 s\, u^2\, ds`.
Data: u = 0 at s = 0 and, where the states are below 1e-4 of their maximum, at r = 60.
Exact solution: :math:`E_n = -1 / (2 n^2)` and
:math:`w = r\, L^{1}_{n-1}(2 r / n)\, e^{-r / n}` with Laguerre polynomials.
Units: lengths in Bohr radii, energies in Hartree.
Source: Landau and Lifshitz, Quantum Mechanics, 3rd edition, 1977, section 36.

Eigenfunctions are compared up to factors. All levels are minimized together as a trace.
"""

from math import sqrt

import torch
from torch import Tensor

from pdenet import Dirichlet, Problem
from pdenet.energy import Rayleigh
from pdenet.geometry import Interval
from pdenet.references import Exact

FARTHEST = 60.0  # Bohr radii; shifts the third level by less than 1e-9


def radial_hydrogen() -> Problem:
    """The three lowest s states of the hydrogen atom.

    Returns:
        The problem for the reduced radial functions u(s), a vector of three states.
    """
    domain = Interval(s=(0, sqrt(FARTHEST)))

    def exact(s: Tensor) -> tuple[Tensor, ...]:
        r = s**2
        return (
            r * torch.exp(-r),
            r * (1 - r / 2) * torch.exp(-r / 2),
            r * (1 - 2 * r / 3 + 2 * r**2 / 27) * torch.exp(-r / 3),
        )

    return Problem(
        domain=domain,
        fields={"u": 3},
        conditions={"ends": Dirichlet(u=0, on=domain.boundary)},
        energy=Rayleigh(
            lambda u, s: (u.s**2 / 4 - 2 * u * u) / s,
            lambda u, s: 2 * s * u * u,
            on=domain.interior,
            states=3,
            exact=[-0.5 / n**2 for n in (1, 2, 3)],
        ),
        reference=Exact(u=exact, tolerance=1e-4),
        source="Landau and Lifshitz, Quantum Mechanics, 1977, section 36",
    )
