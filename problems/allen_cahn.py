r"""Allen-Cahn equation: two phases separate, their interface sharpens. Dimensionless.

Equation: :math:`u_t = \varepsilon u_{xx} + 5 (u - u^3)` on -1 < x < 1, 0 < t < 1.
Data: u is periodic in x; :math:`u(x, 0) = x^2 \cos(\pi x)`.
Reference: Fourier series with exponential time differencing.
Source: Raissi, Perdikaris, Karniadakis, J. Comput. Phys. 378, 2019, 686-707, section 3.2.

The periodic start value has a kink at x = 1 (its slope jumps by 4), which diffusion smooths at
once. A network that starts from it exactly would keep the kink for all time, so it is trained.
"""

from math import pi

import torch
from torch import Tensor

from pdenet import Condition, Initial, Periodic, Problem
from pdenet.checks import positive
from pdenet.geometry import Box
from pdenet.references import allen_cahn_reference


def allen_cahn(diffusion: float = 1e-4, reaction: float = 5.0) -> Problem:
    """Allen-Cahn equation with a sharpening interface.

    Args:
        diffusion: Factor epsilon of the second derivative, dimensionless. Interfaces are about
            sqrt(epsilon / reaction) wide.
        reaction: Factor of u - u^3, dimensionless.

    Returns:
        The problem for the phase u(x, t).
    """
    positive(diffusion=diffusion, reaction=reaction)
    domain = Box(x=(-1, 1), t=(0, 1))

    def phase(u):
        return u.t - diffusion * u.xx - reaction * (u - u**3)

    def start(x: Tensor) -> Tensor:
        return x**2 * torch.cos(pi * x)

    return Problem(
        domain=domain,
        fields="u",
        conditions={
            "phase": Condition(phase, on=domain.interior),
            "start": Initial(u=start, on=domain.initial, hard=False),
            "period": Periodic("u", on=domain.face(x=-1), to=domain.face(x=1)),
        },
        reference=allen_cahn_reference(diffusion, reaction),
        source="Raissi, Perdikaris, Karniadakis, J. Comput. Phys. 378, 2019, section 3.2",
    )
