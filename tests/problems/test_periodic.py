"""Problems with a spectral reference: both must state the same equation and the same start.

No solution is needed for that. Any periodic function has a rate of change by the reference's
equation; with that rate, and its own derivatives in space, it satisfies the problem's residual.
"""

import numpy as np
import pytest
import torch

from pdenet import Problem
from pdenet.conditions import prescribed_values
from pdenet.jets import Jet, flatten
from pdenet.problems.allen_cahn import allen_cahn
from pdenet.problems.korteweg_de_vries import korteweg_de_vries
from pdenet.problems.kuramoto_sivashinsky import kuramoto_sivashinsky
from pdenet.problems.schrodinger import schrodinger
from pdenet.references import Spectral

N = 64
PROBLEMS = [
    allen_cahn(),
    allen_cahn(diffusion=1e-2, reaction=3.0),
    korteweg_de_vries(),
    korteweg_de_vries(delta=0.1),
    kuramoto_sivashinsky(),
    schrodinger(),
]


def reference_of(problem: Problem) -> Spectral:
    assert isinstance(problem.reference, Spectral)
    return problem.reference


def some_waves(problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes of one period, wavenumbers, and a function of few waves: its powers are resolved."""
    equation = reference_of(problem).equation
    x = equation.interval[0] + equation.length * np.arange(N) / N
    k = 2 * np.pi / equation.length * np.fft.fftfreq(N, 1 / N)
    phase = 2 * np.pi * (x - x[0]) / equation.length
    w = 0.3 + np.cos(phase) - 0.5 * np.sin(3 * phase)
    if len(problem.shapes) == 2:
        w = w + 1j * (0.2 - np.sin(2 * phase))
    return x, k, w


def partials(problem: Problem, index: tuple[int, ...]) -> np.ndarray:
    """A partial derivative of the waves: by x on its own, by t once, as the reference moves."""
    _, k, w = some_waves(problem)
    equation = reference_of(problem).equation
    assert problem.coordinates == ("x", "t")
    assert index.count(1) <= 1
    v = np.fft.fft(w)
    if 1 in index:
        v = equation.symbol(k) * v + equation.factor(k) * np.fft.fft(equation.flux(w))
    d = np.fft.ifft((1j * k) ** index.count(0) * v)
    return d if np.iscomplexobj(w) else d.real


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: next(iter(p.conditions)))
def test_problem_and_reference_state_one_equation(problem: Problem) -> None:
    name = next(iter(problem.conditions))
    demand = problem.demands[name]
    channels = [torch.as_tensor(partials(problem, c)) for c in demand.layout.channels]  # type: ignore[arg-type]
    stacked = torch.stack(channels)
    parts = [stacked.real, stacked.imag] if stacked.is_complex() else [stacked]
    jets = {f: Jet(demand.layout, p) for f, p in zip(problem.shapes, parts, strict=True)}
    x = torch.zeros(N, 2)
    rows = flatten(demand.function(**demand.arguments(jets, x)))
    assert len(rows) == len(problem.shapes)
    for row in rows:
        # Round-off of derivatives by Fourier series: 64 eps at the highest of them.
        assert row.abs().max() < 1e-11 * stacked.abs().max()


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: next(iter(p.conditions)))
def test_problem_and_reference_start_alike(problem: Problem) -> None:
    start = problem.conditions["start"]
    points = start.on.sample(50, seed=0)
    expected = reference_of(problem).equation.start(points["x"].numpy())
    parts = (expected.real, expected.imag) if len(problem.shapes) == 2 else (expected,)
    for field, part in zip(problem.shapes, parts, strict=True):
        given = prescribed_values(start.values[field], points)
        # Two formulas of the same function, in numpy and in torch.
        torch.testing.assert_close(given, torch.as_tensor(part), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: next(iter(p.conditions)))
def test_problem_and_reference_share_their_domain(problem: Problem) -> None:
    reference = reference_of(problem)
    assert problem.domain.bounds["x"] == reference.equation.interval
    assert problem.domain.bounds["t"] == (0.0, reference.t_final)
    period = problem.conditions["period"]
    assert period.shift == ("x", reference.equation.length)
