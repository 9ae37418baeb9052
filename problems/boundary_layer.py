r"""Convection and diffusion with a thin layer at the outflow. Dimensionless.

Equation: :math:`-\varepsilon u'' + u' = 1` on 0 < x < 1.
Data: u = 0 at both ends.
Exact solution: :math:`u = x - \frac{e^{(x - 1) / \varepsilon} - e^{-1 / \varepsilon}}
{1 - e^{-1 / \varepsilon}}`, with a layer of width :math:`\varepsilon` at x = 1.
Source: Roos, Stynes and Tobiska, Robust Numerical Methods for Singularly Perturbed Differential
Equations, Springer 2008, section I.1.
"""

import math

import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Problem
from pdenet.checks import positive
from pdenet.geometry import Interval
from pdenet.references import Exact


def boundary_layer(diffusion: float = 1e-3) -> Problem:
    """Convection and diffusion with a thin layer at the outflow.

    Args:
        diffusion: Factor epsilon of the second derivative, the width of the layer.

    Returns:
        The problem for u(x).
    """
    positive(diffusion=diffusion)
    domain = Interval(x=(0, 1))

    def convection(u):
        return u.x - diffusion * u.xx - 1

    def layer(x: Tensor) -> Tensor:
        rest = math.exp(-1 / diffusion)
        return x - (torch.exp((x - 1) / diffusion) - rest) / (1 - rest)

    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "convection": Condition(convection, on=domain.interior),
            "ends": Dirichlet(u=0.0, on=domain.boundary),
        },
        reference=Exact(u=layer),
        target=1e-2,
        source="Roos, Stynes and Tobiska, Springer 2008, section I.1",
    )
