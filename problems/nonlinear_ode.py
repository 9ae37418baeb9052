r"""A nonlinear ordinary differential equation, driven by a random function. Dimensionless.

Equation: :math:`u' = v - u^3` on 0 < x < 1, for every draw v of a Gaussian random field.
Data: u(0) = 0; v has a squared exponential covariance of correlation length 0.2.
Reference: Runge-Kutta of order 4.
Source: after Lu, Jin, Pang, Zhang, Karniadakis, Nature Machine Intelligence 3, 2021, 218-229,
whose square is a cube here, so that no draw blows up.
"""

from pdenet import Condition, Dirichlet, Problem
from pdenet.checks import positive, whole
from pdenet.functions import RBF, GaussianField, InputFunction
from pdenet.geometry import Interval
from pdenet.references import OdeOperator


def nonlinear_ode(length: float = 0.2, deviation: float = 2.0, sensors: int = 100) -> Problem:
    """A nonlinear equation in one variable, from its right-hand side to its solution.

    Args:
        length: Correlation length of the right-hand side, dimensionless.
        deviation: Its standard deviation, dimensionless; the larger, the less linear.
        sensors: Points at which the network sees it.

    Returns:
        The problem for u(x), with the input function v(x).
    """
    positive(length=length, deviation=deviation)
    whole(2, sensors=sensors)
    domain = Interval(x=(0, 1))
    space = GaussianField(domain, RBF(length), deviation=deviation)

    def rate(u, v):
        return u.x - v + u**3

    return Problem(
        domain=domain,
        fields="u",
        inputs={"v": InputFunction(space, sensors=sensors)},
        conditions={
            "rate": Condition(rate, on=domain.interior),
            "start": Dirichlet(u=0, on=domain.face(x=0)),
        },
        reference=OdeOperator(lambda u, v: v - u**3),
        target=2e-3,
        source="after Lu et al., Nature Machine Intelligence 3, 2021",
    )
