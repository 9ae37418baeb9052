r"""Flow through a porous medium, from a random permeability to the pressure. Dimensionless.

Equation: :math:`-\nabla\cdot(v \nabla u) = 1` on the unit square, for every v whose logarithm is a
draw of a Gaussian random field.
Data: u = 0 on the boundary; log v has a squared exponential covariance of correlation length 0.3.
Reference: quadratic finite elements.
Source: after Li, Kovachki, Azizzadenesheli, Liu, Bhattacharya, Stuart, Anandkumar, Fourier neural
operator, ICLR 2021, section 5.2, whose permeability has two values.
"""

import torch

from pdenet import Condition, Dirichlet, Problem
from pdenet.checks import positive, whole
from pdenet.functions import RBF, GaussianField, InputFunction
from pdenet.geometry import Box
from pdenet.jets import div, grad
from pdenet.references import DarcyOperator


def darcy_2d(length: float = 0.3, deviation: float = 0.7, sensors: int = 225) -> Problem:
    """Flow through a porous medium, from a random permeability to the pressure.

    Args:
        length: Correlation length of the permeability's logarithm, dimensionless.
        deviation: Standard deviation of that logarithm.
        sensors: Points at which the network sees the permeability's logarithm, a square number.

    Returns:
        The problem for u(x, y), with the input function v(x, y).
    """
    positive(length=length, deviation=deviation)
    whole(4, sensors=sensors)
    domain = Box(x=(0, 1), y=(0, 1))
    space = GaussianField(domain, RBF(length), deviation=deviation).map(torch.exp)

    def flow(u, v):
        return div(v * grad(u)) + 1

    return Problem(
        domain=domain,
        fields="u",
        inputs={"v": InputFunction(space, sensors=sensors, transform=torch.log)},
        conditions={
            "flow": Condition(flow, on=domain.interior),
            "boundary": Dirichlet(u=0, on=domain.boundary),
        },
        reference=DarcyOperator(tolerance=1e-3),
        target=5e-2,
        source="after Li et al., Fourier neural operator, ICLR 2021",
    )
