r"""Viscous Burgers equation, from a random start to the solution. Dimensionless.

Equation: :math:`u_t + u u_x = \nu u_{xx}` on 0 < x < 1, 0 < t < 1.
Data: periodic in x; u(x, 0) = v(x), for every draw v of a periodic Gaussian random field of
correlation length 0.2.
Reference: Fourier series with exponential time differencing.
Source: after Wang, Wang, Perdikaris, Science Advances 7(40), 2021, section "Burgers transport
dynamics".
"""

from pdenet import Condition, Periodic, Problem
from pdenet.checks import positive, whole
from pdenet.functions import RBF, InputFunction, WaveField
from pdenet.geometry import Box, Interval
from pdenet.references import PeriodicOperator


def burgers_operator(
    nu: float = 0.01, length: float = 0.2, deviation: float = 0.5, sensors: int = 100
) -> Problem:
    """Viscous Burgers equation, from a random periodic start to the solution.

    Args:
        nu: Viscosity, dimensionless.
        length: Correlation length of the start, dimensionless.
        deviation: Standard deviation of the start, dimensionless; the larger, the steeper fronts.
        sensors: Points at which the network sees the start.

    Returns:
        The problem for u(x, t), with the input function v(x).
    """
    positive(nu=nu, length=length, deviation=deviation)
    whole(2, sensors=sensors)
    domain = Box(x=(0, 1), t=(0, 1))
    space = WaveField(Interval(x=(0, 1)), RBF(length), waves=16, deviation=deviation)

    def momentum(u):
        return u.t + u * u.x - nu * u.xx

    def start(u, v):
        return u - v

    return Problem(
        domain=domain,
        fields="u",
        inputs={"v": InputFunction(space, sensors=sensors)},
        conditions={
            "momentum": Condition(momentum, on=domain.interior),
            "start": Condition(start, on=domain.initial),
            "period": Periodic("u", on=domain.face(x=0), to=domain.face(x=1)),
        },
        reference=PeriodicOperator(
            symbol=lambda k: -nu * k**2,
            flux=lambda u: u**2,
            factor=lambda k: -0.5j * k,
            modes=192,
            tolerance=1e-4,
        ),
        target=2e-2,
        source="after Wang, Wang, Perdikaris, Science Advances 7(40), 2021",
    )
