"""Burgers' equation from -sin(pi x), by the Cole-Hopf transformation."""

from math import pi, sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pdenet.references.exact import Exact

# Natural logarithms: what the quadrature may neglect against the peak of its integrand.
_NEGLIGIBLE = 42.0
_CHUNK = 16384


def cole_hopf(nu: float | tuple[float, float] = 0.01 / pi, *, t_final: float = 1.0) -> Exact:
    r"""Solution u of Burgers' equation with u(x, 0) = -sin(pi x), periodic on [-1, 1].

    .. math:: u_t + u u_x = \nu u_{xx},\qquad
        u = -\frac{\int \sin(\pi y)\, f(y)\, e^{-\eta^2} d\eta}{\int f(y)\, e^{-\eta^2} d\eta},\quad
        y = x - \sqrt{4 \nu t}\,\eta,\quad f(y) = e^{-\cos(\pi y) / (2 \pi \nu)}

    It vanishes at x = -1, 0, 1. Both integrals are taken by the trapezoidal rule, which converges
    geometrically for them; its step and reach follow from the bound in Trefethen and Weideman
    (2014), so that no number of nodes has to be guessed. Exponents are relative to their largest,
    so small viscosities do not overflow.

    Args:
        nu: Viscosity, dimensionless; or a range, and then ``nu`` is a coordinate beside x and t.
        t_final: Times up to this one are accurate.

    Returns:
        A reference for the field ``u`` of (x, t) or (x, t, nu), accurate to about 1e-14.

    Raises:
        ValueError: A viscosity or time that is not positive and finite.

    Reference:
        Basdevant et al., Spectral and finite difference solutions of the Burgers equation,
        Computers & Fluids 14(1), 1986, 23-41.

    Example:
        >>> u = cole_hopf(0.01 / pi)(x=torch.tensor([0.0, 0.5]), t=torch.tensor([0.3, 0.0]))["u"]
        >>> bool(torch.allclose(u, torch.tensor([0.0, -1.0])))
        True
    """
    low, high = nu if isinstance(nu, tuple) else (nu, nu)
    if not (0 < low <= high < np.inf and 0 < t_final < np.inf):
        raise ValueError(
            f"cole_hopf needs a positive, finite viscosity (or an ordered range) and t_final, "
            f"but got nu={nu} and t_final={t_final}."
        )
    nodes = torch.as_tensor(_nodes(low, high, t_final))
    if isinstance(nu, tuple):
        return Exact(u=lambda x, t, nu: _in_chunks(nodes, x, t, nu), tolerance=1e-13)
    return Exact(u=lambda x, t: _in_chunks(nodes, x, t, nu + 0 * x), tolerance=1e-13)


def _nodes(low: float, high: float, t_final: float) -> np.ndarray:
    """Return nodes eta whose trapezoidal sum is exact to round-off for all t <= t_final."""
    # The integrand peaks at most one characteristic's length t * max|u| away from x and falls
    # at least like a Gaussian beyond.
    reach = sqrt(t_final / (4 * low)) + sqrt(_NEGLIGIBLE)
    step = min(_step(low, t_final), _step(high, t_final))
    half = int(np.ceil(reach / step))
    return step * np.arange(-half, half + 1)


def _step(nu: float, t: float) -> float:
    """Return the largest step for which exp(growth(d) - 2 pi d / step) is negligible for some d."""
    d = np.linspace(0.01, 6, 600)  # half width of the strip around the real line
    with np.errstate(over="ignore"):
        growth = d**2 + (np.cosh(pi * sqrt(4 * nu * t) * d) - 1) / (2 * pi * nu)
    return float(np.max(2 * pi * d / (_NEGLIGIBLE + growth)))


def _in_chunks(nodes: Tensor, x: Any, t: Any, nu: Any) -> Any:
    if not isinstance(x, Tensor) or len(x) <= _CHUNK:
        return _ratio(nodes, x, t, nu)
    parts = zip(x.split(_CHUNK), t.split(_CHUNK), nu.split(_CHUNK), strict=True)
    return torch.cat([_ratio(nodes, *part) for part in parts])


def _ratio(nodes: Tensor, x: Any, t: Any, nu: Any) -> Any:
    eta = nodes.to(x.device, x.dtype) if isinstance(x, Tensor) else nodes
    y = x[..., None] - torch.sqrt(4 * nu * t)[..., None] * eta
    exponent = -torch.cos(pi * y) / (2 * pi * nu)[..., None] - eta * eta
    weight = torch.exp(exponent - _largest(exponent))
    return -(torch.sin(pi * y) * weight).sum(-1) / weight.sum(-1)


def _largest(exponent: Any) -> Any:
    # Any shift cancels in the quotient, so it is taken as a constant.
    values = exponent if isinstance(exponent, Tensor) else exponent.value
    return values.detach().amax(-1, keepdim=True)
