r"""Advection, from a random start to the solution. Dimensionless.

Equation: :math:`u_t + c u_x = 0` on 0 < x < 1, 0 < t < 1.
Data: periodic in x; u(x, 0) = v(x), for every draw v of a periodic Gaussian random field of
correlation length 0.2.
Reference: exact, the start moved.
Source: Lu, Meng, Cai, Mao, Goswami, Zhang, Karniadakis, Comput. Methods Appl. Mech. Eng. 393, 2022
(advection, case I, with smooth starts).
"""

from pdenet import Condition, Periodic, Problem
from pdenet.checks import finite, positive, whole
from pdenet.functions import RBF, InputFunction, WaveField
from pdenet.geometry import Box, Interval
from pdenet.references import ExactOperator


def advection_operator(speed: float = 1.0, length: float = 0.2, sensors: int = 100) -> Problem:
    """Advection, from a random periodic start to the solution.

    Args:
        speed: c, dimensionless.
        length: Correlation length of the start, dimensionless.
        sensors: Points at which the network sees the start.

    Returns:
        The problem for u(x, t), with the input function v(x).
    """
    finite(speed=speed)
    positive(length=length)
    whole(2, sensors=sensors)
    domain = Box(x=(0, 1), t=(0, 1))
    space = WaveField(Interval(x=(0, 1)), RBF(length), waves=16)

    def transport(u):
        return u.t + speed * u.x

    def start(u, v):
        return u - v

    return Problem(
        domain=domain,
        fields="u",
        inputs={"v": InputFunction(space, sensors=sensors)},
        conditions={
            "transport": Condition(transport, on=domain.interior),
            "start": Condition(start, on=domain.initial),
            "period": Periodic("u", on=domain.face(x=0), to=domain.face(x=1)),
        },
        reference=ExactOperator(("v",), ("x", "t"), u=lambda v, x, t: v(x=x - speed * t)),
        target=5e-3,
        source="Lu et al., Comput. Methods Appl. Mech. Eng. 393, 2022",
    )
