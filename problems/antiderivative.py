r"""The antiderivative of a random function. Dimensionless.

Equation: :math:`u' = v` on 0 < x < 1, for every draw v of a Gaussian random field.
Data: u(0) = 0; v has a squared exponential covariance of correlation length 0.2.
Reference: exact, by Gauss-Legendre quadrature.
Source: Lu, Jin, Pang, Zhang, Karniadakis, Nature Machine Intelligence 3, 2021, 218-229, section
"Learning explicit operators".
"""

import numpy as np
import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Problem
from pdenet.checks import positive, whole
from pdenet.functions import RBF, GaussianField, InputFunction
from pdenet.geometry import Interval
from pdenet.references import ExactOperator

NODES = 48  # of the quadrature: exact to round-off for functions as smooth as these


def antiderivative(length: float = 0.2, sensors: int = 100) -> Problem:
    """The antiderivative of a random function, as an operator.

    Args:
        length: Correlation length of the function, dimensionless.
        sensors: Points at which the network sees the function.

    Returns:
        The problem for u(x), with the input function v(x).
    """
    positive(length=length)
    whole(2, sensors=sensors)
    domain = Interval(x=(0, 1))

    def slope(u, v):
        return u.x - v

    return Problem(
        domain=domain,
        fields="u",
        inputs={"v": InputFunction(GaussianField(domain, RBF(length)), sensors=sensors)},
        conditions={
            "slope": Condition(slope, on=domain.interior),
            "start": Dirichlet(u=0, on=domain.face(x=0)),
        },
        reference=ExactOperator(("v",), ("x",), tolerance=1e-9, u=_integral),
        source="Lu, Jin, Pang, Zhang, Karniadakis, Nature Machine Intelligence 3, 2021",
    )


def _integral(v, x: Tensor) -> Tensor:
    """Integrals from 0 to each x, shape (n, m)."""
    nodes, weights = (torch.as_tensor(a) for a in np.polynomial.legendre.leggauss(NODES))
    at = x[:, None] * (nodes + 1) / 2
    values = v(x=at.reshape(-1)).reshape(len(x), NODES, -1)
    return x[:, None] / 2 * torch.einsum("k,nkm->nm", weights, values)
