"""Spectral references for the periodic equations of the literature. Dimensionless."""

from math import pi

import numpy as np

from pdenet.references.spectral import Spectral, spectral_reference


def allen_cahn_reference(
    diffusion: float = 1e-4, reaction: float = 5.0, *, t_final: float = 1.0
) -> Spectral:
    """Return u of u_t = d u_xx + r (u - u^3), u(x, 0) = x^2 cos(pi x), periodic on [-1, 1].

    The start value's slope jumps by 4 at x = 1, so its series converges slowly near t = 0; time is
    divided in octaves there.
    """
    return spectral_reference(
        symbol=lambda k: reaction - diffusion * k**2,
        flux=lambda u: u**3,
        factor=lambda k: -reaction + 0 * k,
        start=lambda x: x**2 * np.cos(pi * x),
        interval=(-1.0, 1.0),
        t_final=t_final,
        modes=8192,
        step=1e-3,
        tolerance=3e-8,
        # Padding changes no digit here: where the spectrum is full, the kink limits, not aliasing.
        padding=1.0,
        octaves=14,
    )


def korteweg_de_vries_reference(dispersion: float = 0.022**2, *, t_final: float = 1.0) -> Spectral:
    """Return u of u_t + u u_x + d u_xxx = 0, u(x, 0) = cos(pi x), periodic on [-1, 1].

    Zabusky and Kruskal, Phys. Rev. Lett. 15, 1965, 240-243: the start breaks up into solitons.
    """
    return spectral_reference(
        symbol=lambda k: 1j * dispersion * k**3,
        flux=lambda u: u**2,
        factor=lambda k: -0.5j * k,
        start=lambda x: np.cos(pi * x),
        interval=(-1.0, 1.0),
        t_final=t_final,
        modes=512,
        step=1e-4,
        tolerance=1e-8,
    )


def kuramoto_sivashinsky_reference(
    alpha: float = 100 / 16,
    beta: float = 100 / 16**2,
    gamma: float = 100 / 16**4,
    *,
    t_final: float = 1.0,
) -> Spectral:
    """Return u of u_t + alpha u u_x + beta u_xx + gamma u_xxxx = 0, periodic on [0, 2 pi].

    It starts from cos(x) (1 + sin(x)).

    Chaotic: errors grow by a factor of about 1e4 until t = 1, so round-off alone leaves 1e-11.
    """
    return spectral_reference(
        symbol=lambda k: beta * k**2 - gamma * k**4,
        flux=lambda u: u**2,
        factor=lambda k: -0.5j * alpha * k,
        start=lambda x: np.cos(x) * (1 + np.sin(x)),
        interval=(0.0, 2 * pi),
        t_final=t_final,
        modes=512,
        step=5e-5,
        tolerance=5e-7,
    )


def schrodinger_reference(
    *,
    half_width: float = 15.0,
    t_final: float = pi / 2,
    fields: tuple[str, str] = ("u", "v"),
) -> Spectral:
    """Return h = u + i v of i h_t + h_xx / 2 + |h|^2 h = 0, h(x, 0) = 2 sech(x), periodic.

    On the whole line this is a breather of two solitons (Satsuma and Yajima 1974); the period makes
    a difference of about sech(half_width).
    """
    return spectral_reference(
        symbol=lambda k: -0.5j * k**2,
        flux=lambda h: np.abs(h) ** 2 * h,
        factor=lambda k: 1j + 0 * k,
        start=lambda x: 2 / np.cosh(x) + 0j,
        interval=(-half_width, half_width),
        t_final=t_final,
        modes=1024,
        step=2e-4,
        tolerance=1e-8,
        padding=2.0,
        fields=fields,
    )
