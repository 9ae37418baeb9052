from dataclasses import replace
from math import pi

import numpy as np
import pytest

from pdenet.references.fourier import PeriodicEquation, Resolution
from pdenet.references.trajectory import Trajectory

ALLEN_CAHN = PeriodicEquation(
    symbol=lambda k: 5.0 - 1e-4 * k**2,
    flux=lambda u: u**3,
    factor=lambda k: -5.0 + 0 * k,
    start=lambda x: x**2 * np.cos(pi * x),
    interval=(-1.0, 1.0),
    padding=1.0,
)
KDV = PeriodicEquation(
    symbol=lambda k: 1j * 0.1**2 * k**3,
    flux=lambda u: u**2,
    factor=lambda k: -0.5j * k,
    start=lambda x: np.cos(pi * x),
    interval=(-1.0, 1.0),
)
NLS = PeriodicEquation(
    symbol=lambda k: -0.5j * k**2,
    flux=lambda h: np.abs(h) ** 2 * h,
    factor=lambda k: 1j + 0 * k,
    start=lambda x: 2 / np.cosh(x) + 0j,
    interval=(-8.0, 8.0),
    padding=2.0,
)


def last_error(a: Trajectory, b: Trajectory) -> float:
    """Relative L2 difference at the last time, a having at most the modes of b."""
    fine = b.segments[-1].modes[-1]
    coarse = a.segments[-1].modes[-1]
    coarse = np.pad(coarse, (0, max(0, len(fine) - len(coarse))))[: len(fine)]
    return float(np.linalg.norm(coarse - fine) / np.linalg.norm(fine))


def test_order_four_in_time():
    runs = [KDV.solve(0.64, Resolution(128, 0.0025 / 2**i)) for i in range(5)]
    errors = np.array([last_error(run, runs[-1]) for run in runs[:-2]])
    # The last run's own error, 1/256 of the third's, does not count yet.
    assert np.log2(errors[:-1] / errors[1:]) == pytest.approx(4, abs=0.4)


def test_geometric_convergence_in_modes():
    runs = [KDV.solve(0.5, Resolution(n, 1e-3)) for n in (32, 48, 64, 128)]
    errors = [last_error(run, runs[-1]) for run in runs[:-1]]
    # Analytic solution: equal increments of modes gain equal factors, here about 100.
    assert errors[0] > 30 * errors[1] > 30**2 * errors[2]
    assert errors[2] < 1e-7


def test_kink_at_the_start_of_allen_cahn_converges():
    runs = [
        ALLEN_CAHN.solve(0.25, Resolution(n, 2e-3, octaves=10)) for n in (512, 1024, 2048, 4096)
    ]
    overall = [runs[-1].distance(run) for run in runs[:-1]]
    late = [last_error(run, runs[-1]) for run in runs[:-1]]
    # In space and time the unresolved kink counts: amplitude N^-3/2 for a time N^-2, so N^-5/2.
    orders = np.log2(np.array(overall[:-1]) / overall[1:])
    assert orders == pytest.approx(2.5, abs=0.4)
    # Later it has diffused away. Starting from interpolated values in place of the start's own
    # coefficients would leave 3.5e-6 at 512 and 1.6e-7 at 2048 (order 2).
    assert late[0] < 2e-8
    assert late[2] < 1e-9


def test_octaves_refine_the_first_times_only():
    trajectory = ALLEN_CAHN.solve(0.5, Resolution(64, 0.01, octaves=3))
    ends = [segment.stop for segment in trajectory.segments]
    assert ends == [0.0625, 0.125, 0.25, 0.5]
    assert trajectory.segments[0].start == 0


def test_kdv_keeps_mass_momentum_and_energy():
    modes = KDV.solve(1.0, Resolution(256, 2e-3)).segments[-1].modes
    k = pi * np.arange(modes.shape[1])
    u = np.fft.irfft(modes * 1024, 1024, axis=1)
    slope = np.fft.irfft(1j * k * modes * 1024, 1024, axis=1)
    mass, momentum = u.mean(axis=1), (u**2).mean(axis=1)
    energy = (u**3 / 6 - 0.1**2 * slope**2 / 2).mean(axis=1)
    # Mode zero is never touched; the others drift by the scheme's error, 1e-9 a unit of time here.
    assert np.abs(mass).max() < 1e-15
    assert np.abs(momentum - 0.5).max() < 1e-7
    assert np.abs(energy - energy[0]).max() < 1e-7


def test_schrodinger_keeps_mass_and_energy():
    modes = NLS.solve(pi / 2, Resolution(512, 1e-3)).segments[-1].modes
    highest = modes.shape[1] // 2
    k = 2 * pi / 16 * np.arange(-highest, highest + 1)
    mass = (np.abs(modes) ** 2).sum(axis=1)
    assert mass[0] * 16 == pytest.approx(8 * np.tanh(8), rel=1e-12)  # integral of 4 sech^2
    assert np.abs(mass / mass[0] - 1).max() < 1e-8
    phase = np.exp(1j * np.outer(k, 16 / 2048 * np.arange(2048)))
    h = modes[::40] @ phase
    energy = (k**2 * np.abs(modes[::40]) ** 2).sum(axis=1) / 2 - (np.abs(h) ** 4).mean(axis=1) / 2
    # A defocusing sign would change the second term's; drift is the scheme's error.
    assert np.abs(energy / energy[0] - 1).max() < 1e-6


def test_dealiasing_matters_for_korteweg_de_vries():
    exact = KDV.solve(0.6, Resolution(256, 1e-3))
    padded, aliased = (
        last_error(replace(KDV, padding=p).solve(0.6, Resolution(48, 1e-3)), exact)
        for p in (1.5, 1)
    )
    assert padded < aliased


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"interval": (1.0, 1.0)}, "low < high"),
        ({"interval": (0.0, np.inf)}, "finite"),
        ({"padding": 0.5}, "at least 1"),
        ({"start": lambda x: np.nan * x}, "start maps 64 samples"),
        ({"flux": lambda u: u[:3]}, "flux maps 64 samples"),
        ({"symbol": lambda k: 1 / k}, "symbol maps 64 samples"),
    ],
)
def test_bad_equations_are_refused(change, message):
    with np.errstate(divide="ignore"), pytest.raises(ValueError, match=message):
        replace(KDV, **change)


@pytest.mark.parametrize("numbers", [(4, 0.1), (64, 0.0), (64, -1.0), (64, np.nan)])
def test_bad_resolutions_are_refused(numbers):
    with pytest.raises(ValueError, match="cannot be solved with"):
        Resolution(*numbers)
