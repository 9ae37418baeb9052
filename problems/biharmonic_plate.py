r"""Bending of a thin square plate, clamped or simply supported. Dimensionless.

Equation: :math:`\Delta^2 u = f` on 0 < x, y < 1, for the deflection u under the load f, both in
units in which edge length and bending stiffness are 1; f from the solution.
Data: u = 0 on the edges; clamped, its slope across them is 0 too; simply supported, the bending
moment is, which is :math:`\Delta u = 0` on straight edges.
Exact solution: :math:`u = \sin^2(\pi x) \sin^2(\pi y)` (clamped),
:math:`u = \sin(\pi x) \sin(\pi y)` (simply supported).
The deflection minimizes the energy :math:`\int \tfrac12 (\Delta u)^2 - f u`, with the minimum
:math:`-\pi^4` (clamped), :math:`-\pi^4 / 2` (simply supported, where the moment is natural).
Source: Timoshenko and Woinowsky-Krieger, Theory of Plates and Shells, 2nd edition, 1959, chapter 5
(Navier's solution under a sinusoidal load); the clamped case is manufactured.
"""

from math import pi
from typing import Literal

import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Neumann, Problem
from pdenet.checks import one_of
from pdenet.energy import Energy
from pdenet.geometry import Box
from pdenet.jets import biharmonic, laplacian
from pdenet.references import Exact


def biharmonic_plate(support: Literal["clamped", "simply-supported"] = "clamped") -> Problem:
    """Bending of a thin square plate.

    Args:
        support: How the edges are held.

    Returns:
        The problem for the deflection u(x, y).
    """
    one_of("clamped", "simply-supported", support=support)
    domain = Box(x=(0, 1), y=(0, 1))
    clamped = support == "clamped"
    exact, load = (_clamped, _clamped_load) if clamped else (_supported, _supported_load)

    def bending(u, x, y):
        return biharmonic(u) - load(x, y)

    def density(u, x, y):
        return 0.5 * laplacian(u) ** 2 - load(x, y) * u

    def moment(u):
        return laplacian(u)

    if clamped:
        edge = {"slope": Neumann(u=0, on=domain.boundary)}
    else:
        edge = {"moment": Condition(moment, on=domain.boundary)}
    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "bending": Condition(bending, on=domain.interior),
            "edges": Dirichlet(u=0, on=domain.boundary),
            **edge,
        },
        energy=Energy(density, on=domain.interior, exact=-(pi**4) / (1 if clamped else 2)),
        reference=Exact(u=exact),
        source="Timoshenko and Woinowsky-Krieger, Theory of Plates and Shells, 1959, chapter 5",
    )


def _clamped(x: Tensor, y: Tensor) -> Tensor:
    return torch.sin(pi * x) ** 2 * torch.sin(pi * y) ** 2


def _clamped_load(x: Tensor, y: Tensor) -> Tensor:
    # From sin^2(a) = (1 - cos(2 a)) / 2.
    a, b = torch.cos(2 * pi * x), torch.cos(2 * pi * y)
    return 4 * pi**4 * (4 * a * b - a - b)


def _supported(x: Tensor, y: Tensor) -> Tensor:
    return torch.sin(pi * x) * torch.sin(pi * y)


def _supported_load(x: Tensor, y: Tensor) -> Tensor:
    return 4 * pi**4 * _supported(x, y)
