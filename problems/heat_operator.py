r"""Heat conduction, from a polynomial source to the temperature. Dimensionless.

Equation: :math:`u_t = D u_{xx} + v(x)` on 0 < x < 1, 0 < t < 1, for every v that is a sum of
Chebyshev polynomials with coefficients between -1 and 1.
Data: u = 0 at both ends and at the start.
Reference: Chebyshev collocation with exponential time differencing.
Source: manufactured; the space of sources after Lu et al., Nature Machine Intelligence 3, 2021.
"""

from pdenet import Condition, Dirichlet, Initial, Problem
from pdenet.checks import positive, whole
from pdenet.functions import ChebyshevSeries, InputFunction
from pdenet.geometry import Box, Interval
from pdenet.references import ReactionDiffusionOperator


def heat_operator(diffusion: float = 0.1, degree: int = 6, sensors: int = 50) -> Problem:
    """Heat conduction, from a polynomial source to the temperature.

    Args:
        diffusion: D, dimensionless.
        degree: Highest degree of the source's polynomials.
        sensors: Points at which the network sees the source.

    Returns:
        The problem for u(x, t), with the input function v(x).
    """
    positive(diffusion=diffusion)
    whole(0, degree=degree)
    whole(2, sensors=sensors)
    domain = Box(x=(0, 1), t=(0, 1))
    space = ChebyshevSeries(Interval(x=(0, 1)), degree)

    def heating(u, v):
        return u.t - diffusion * u.xx - v

    return Problem(
        domain=domain,
        fields="u",
        inputs={"v": InputFunction(space, sensors=sensors)},
        conditions={
            "heating": Condition(heating, on=domain.interior),
            "start": Initial(u=0, on=domain.initial),
            "ends": Dirichlet(u=0, on=domain.boundary),
        },
        reference=ReactionDiffusionOperator(diffusion, modes=48, steps=2, tolerance=1e-6),
        target=5e-3,
        source="manufactured",
    )
