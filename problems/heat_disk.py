r"""Heat conduction in a disk with a cold rim, two eigenmodes. Dimensionless.

Equation: :math:`u_t = \kappa (u_{xx} + u_{yy})` on the unit disk, 0 < t < 1.
Data: u = 0 on the rim; the start value is the exact solution's.
Exact solution, with the first zeros :math:`j_{0,1}, j_{1,1}` of the Bessel functions and polar
coordinates: :math:`u = e^{-\kappa j_{0,1}^2 t} J_0(j_{0,1} r)
+ e^{-\kappa j_{1,1}^2 t} J_1(j_{1,1} r) \cos\theta`.
Source: Carslaw and Jaeger, Conduction of Heat in Solids, 2nd edition, 1959, chapter VII.
"""

from math import factorial

import torch
from scipy.special import jn_zeros
from torch import Tensor

from pdenet import Condition, Dirichlet, Initial, Problem
from pdenet.checks import positive
from pdenet.geometry import Disk, Interval
from pdenet.jets import laplacian
from pdenet.references import Exact

RADIAL = float(jn_zeros(0, 1)[0])
SIDEWAYS = float(jn_zeros(1, 1)[0])


def heat_disk(diffusivity: float = 0.1) -> Problem:
    """Heat conduction in a disk.

    Args:
        diffusivity: Diffusivity kappa, dimensionless.

    Returns:
        The problem for the temperature u(x, y, t).
    """
    positive(diffusivity=diffusivity)
    domain = Disk(center=(0, 0), radius=1) * Interval(t=(0, 1))

    def heat(u):
        return u.t - diffusivity * laplacian(u)

    def start(x: Tensor, y: Tensor) -> Tensor:
        return exact(x, y, 0 * x)

    def exact(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        s = x * x + y * y
        radial = _bessel(0, RADIAL**2 * s)
        sideways = SIDEWAYS * x * _bessel(1, SIDEWAYS**2 * s)
        decays = [torch.exp(-diffusivity * k**2 * t) for k in (RADIAL, SIDEWAYS)]
        return decays[0] * radial + decays[1] * sideways

    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "heat": Condition(heat, on=domain.interior),
            "start": Initial(u=start, on=domain.initial),
            "rim": Dirichlet(u=0, on=domain.boundary),
        },
        reference=Exact(u=exact),
        source="Carslaw and Jaeger 1959, chapter VII",
    )


def _bessel(order: int, square: Tensor) -> Tensor:
    """J_m(z) / z^m as a function of z^2, by its power series: smooth where J_m(r) / r^m is not.

    24 terms reach round-off for z^2 < 16, which covers both modes.
    """
    value: Tensor = 0 * square
    for k in reversed(range(24)):
        coefficient = (-1) ** k / (factorial(k) * factorial(k + order) * 2.0 ** (2 * k + order))
        value = value * square + coefficient
    return value
