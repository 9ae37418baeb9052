from math import pi

import pytest
import torch
from torch import Tensor

from pdenet import Condition, Dirichlet, Initial, Periodic, Problem
from pdenet.catalogue import entries
from pdenet.frequencies import frequencies
from pdenet.geometry import Box
from pdenet.problems.advection_1d import advection_1d
from pdenet.problems.heat_1d import heat_1d
from pdenet.problems.heat_multiscale import heat_multiscale
from pdenet.problems.poisson_2d import poisson_2d
from pdenet.problems.wave_1d import wave_1d

# Means over 1000 random points of squares of waves: 3 per cent at one standard deviation.
ROUGHLY = 0.1


@pytest.mark.parametrize("waves", [4, 20])
def test_start_values_tell_the_frequency_in_space(waves: int) -> None:
    found = frequencies(heat_multiscale(frequency=waves))
    # Half a unit long, so that k half waves are k pi / 2 radians.
    assert found["x"] == pytest.approx(waves * pi / 2, rel=ROUGHLY)
    assert found["y"] == pytest.approx(pi / 2, rel=ROUGHLY)


@pytest.mark.parametrize("waves", [3, 8])
def test_sources_tell_the_frequency_in_space(waves: int) -> None:
    found = frequencies(poisson_2d(frequency=waves))
    assert found["x"] == pytest.approx(waves * pi / 2, rel=ROUGHLY)
    assert found["y"] == pytest.approx(waves * pi / 2, rel=ROUGHLY)


@pytest.mark.parametrize("speed", [50.0, -3.0])
def test_transport_tells_the_frequency_in_time(speed: float) -> None:
    # sin(x - c t), and half of the time is 1/2.
    assert frequencies(advection_1d(speed))["t"] == pytest.approx(abs(speed) / 2, rel=ROUGHLY)


def test_acceleration_tells_the_frequency_in_time() -> None:
    # Modes pi and 4 pi with amplitudes 1 and 1/2 under u_tt = c^2 u_xx: rms(u_tt) / rms(u).
    expected = 2 * pi * ((1 + 64) / 1.25) ** 0.25 / 2
    assert frequencies(wave_1d())["t"] == pytest.approx(expected, rel=ROUGHLY)


def test_decay_is_no_oscillation() -> None:
    assert frequencies(heat_1d(diffusivity=10.0, frequency=3))["t"] < 1e-9


@pytest.mark.parametrize("factor", [1.0, -7.0])
def test_systems_and_coefficients_of_the_time_derivative(factor: float) -> None:
    """i h_t + h_xx / 2 = 0 from cos(3 x) turns at 9/2; rows and fields are crosswise."""
    domain = Box(x=(0, 2 * pi), t=(0, 2))

    def wave(u, v):
        return factor * (-v.t + 0.5 * u.xx), factor * (u.t + 0.5 * v.xx)

    def start(x: Tensor) -> Tensor:
        return torch.cos(3 * x)

    problem = Problem(
        domain=domain,
        fields=("u", "v"),
        conditions={
            "wave": Condition(wave, on=domain.interior),
            "start": Initial(u=start, v=0, on=domain.initial),
            "period": Periodic("u", "v", on=domain.face(x=0), to=domain.face(x=2 * pi)),
        },
    )
    assert frequencies(problem)["t"] == pytest.approx(4.5, rel=1e-6)


def test_moving_boundary_values_tell_the_frequency_in_time() -> None:
    domain = Box(x=(0, 1), t=(0, 1))
    problem = Problem(
        domain=domain,
        fields="u",
        conditions={
            "heat": Condition(lambda u: u.t - u.xx, on=domain.interior),
            "start": Initial(u=0, on=domain.initial),
            "left": Dirichlet(u=lambda t: torch.sin(10 * pi * t), on=domain.face(x=0)),
            "right": Dirichlet(u=0, on=domain.face(x=1)),
        },
    )
    found = frequencies(problem)
    assert found["t"] == pytest.approx(5 * pi, rel=ROUGHLY)
    assert found["x"] == 0.0


PROBLEMS = [problem for problem in (e.build() for e in entries()) if not problem.inputs]


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
def test_every_problem_of_the_catalogue_has_finite_ones(problem: Problem) -> None:
    found = frequencies(problem)
    assert found.keys() == set(problem.coordinates)
    assert all(0 <= value < 100 for value in found.values())
