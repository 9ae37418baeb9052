r"""Diffusion with reaction, from a random source to the solution. Dimensionless.

Equation: :math:`u_t = D u_{xx} + k u^2 + v(x)` on 0 < x < 1, 0 < t < 1, for every draw v of a
Gaussian random field.
Data: u = 0 at both ends and at the start; v has a squared exponential covariance of correlation
length 0.2.
Reference: Chebyshev collocation with exponential time differencing.
Source: Lu, Jin, Pang, Zhang, Karniadakis, Nature Machine Intelligence 3, 2021, 218-229; from the
equation alone Wang, Wang, Perdikaris, Science Advances 7(40), 2021.
"""

from pdenet import Condition, Dirichlet, Initial, Problem
from pdenet.checks import finite, positive, whole
from pdenet.functions import RBF, GaussianField, InputFunction
from pdenet.geometry import Box, Interval
from pdenet.references import ReactionDiffusionOperator


def reaction_diffusion_operator(
    diffusion: float = 0.01, reaction: float = 0.01, length: float = 0.2, sensors: int = 100
) -> Problem:
    """Diffusion with reaction, from a random source to the solution.

    Args:
        diffusion: D, dimensionless.
        reaction: k, dimensionless.
        length: Correlation length of the source, dimensionless.
        sensors: Points at which the network sees the source.

    Returns:
        The problem for u(x, t), with the input function v(x).
    """
    positive(diffusion=diffusion, length=length)
    finite(reaction=reaction)
    whole(2, sensors=sensors)
    domain = Box(x=(0, 1), t=(0, 1))
    space = GaussianField(Interval(x=(0, 1)), RBF(length))

    def balance(u, v):
        return u.t - diffusion * u.xx - reaction * u**2 - v

    return Problem(
        domain=domain,
        fields="u",
        inputs={"v": InputFunction(space, sensors=sensors)},
        conditions={
            "balance": Condition(balance, on=domain.interior),
            "start": Initial(u=0, on=domain.initial),
            "ends": Dirichlet(u=0, on=domain.boundary),
        },
        reference=ReactionDiffusionOperator(
            diffusion, lambda u: reaction * u**2, modes=48, steps=2, tolerance=1e-6
        ),
        target=5e-3,
        source="Lu, Jin, Pang, Zhang, Karniadakis, Nature Machine Intelligence 3, 2021",
    )
