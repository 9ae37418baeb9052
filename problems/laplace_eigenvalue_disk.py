r"""The three lowest tones of a round drum. Dimensionless.

Equation: :math:`-\Delta u = \lambda u` on :math:`x^2 + y^2 < 1`, :math:`u \ne 0`.
Data: u = 0 on the circle.
Exact solution: :math:`u = J_m(j r) \cos(m \theta)` and :math:`J_m(j r) \sin(m \theta)` with
:math:`\lambda = j^2` and j a zero of Bessel's function :math:`J_m`; the lowest are 2.4048 for m = 0
and 3.8317 for m = 1, twice.
Source: Courant and Hilbert, Methods of Mathematical Physics I, 1953, chapter V.

Eigenfunctions are compared up to factors and rotations among equal eigenvalues. All levels are
minimized together as a trace.
"""

from math import factorial
from typing import Any

from scipy.special import jn_zeros

from pdenet import Dirichlet, Problem
from pdenet.energy import Rayleigh
from pdenet.geometry import Disk
from pdenet.jets import dot, grad
from pdenet.references import Exact

TERMS = 20  # of the series, whose argument is below 4: the last one is below 1e-20
ZEROS = (float(jn_zeros(0, 1)[0]), float(jn_zeros(1, 1)[0]))


def laplace_eigenvalue_disk() -> Problem:
    """The three lowest tones of a round drum.

    Returns:
        The problem for the eigenfunctions u(x, y), a vector of three states.
    """
    domain = Disk(center=(0, 0), radius=1)

    def exact(x: Any, y: Any) -> tuple[Any, ...]:
        squared = x**2 + y**2
        around = _bessel(1, ZEROS[1] ** 2 * squared)
        return _bessel(0, ZEROS[0] ** 2 * squared), around * x, around * y

    return Problem(
        domain=domain,
        fields={"u": 3},
        conditions={"rim": Dirichlet(u=0, on=domain.boundary)},
        energy=Rayleigh(
            lambda u: dot(grad(u), grad(u)),
            lambda u: u * u,
            on=domain.interior,
            states=3,
            exact=[ZEROS[0] ** 2, ZEROS[1] ** 2, ZEROS[1] ** 2],
        ),
        reference=Exact(u=exact),
        source="Courant and Hilbert 1953, chapter V",
    )


def _bessel(m: int, squared: Any) -> Any:
    """J_m(z) / (z / 2)^m by its series in z^2, in a form that jets pass through."""
    total = 0.0 * squared
    for k in reversed(range(TERMS)):
        total = total * (-squared / 4) + 1 / (factorial(k) * factorial(k + m))
    return total
