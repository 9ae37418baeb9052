import numpy as np
import pytest

from pdenet.references.trajectory import Segment, Trajectory, _lagrange, trimmed

RNG = np.random.default_rng(0)


def moving(t: np.ndarray, highest: int, is_complex: bool) -> np.ndarray:
    """Modes of a bump that moves around the period in unit time: exact at any time."""
    k = np.arange(-highest if is_complex else 0, highest + 1)
    return np.exp(-np.abs(k) / 2 - 2j * np.pi * np.outer(t, k))


def bump(phase: np.ndarray, t: np.ndarray, highest: int, is_complex: bool) -> np.ndarray:
    modes = np.exp(-np.abs(np.arange(highest + 1)) / 2)
    angle = 2 * np.pi * (phase - t)
    half = (modes * np.exp(1j * np.outer(angle, np.arange(highest + 1)))).sum(axis=1)
    # Symmetric modes: both kinds are the same real bump.
    return 2 * half.real - 1 + (0j if is_complex else 0)


@pytest.mark.parametrize("is_complex", [False, True])
def test_interpolates_between_snapshots_and_grid_points(is_complex):
    segments = [
        Segment(a, b, moving(np.linspace(a, b, n), 40, is_complex), is_complex)
        for a, b, n in ((0.0, 0.25, 401), (0.25, 1.0, 1201))
    ]
    phase, t = RNG.random(500), RNG.random(500)
    values = Trajectory(segments)(phase, t)
    # Mode k has amplitude e^(-k/2) and turns by 2 pi k / 1600 a snapshot; interpolation of degree
    # 8 at the end of a segment misses up to 1/9 of that to the power 9, most near k = 18: 2e-11.
    assert np.abs(values - bump(phase, t, 40, is_complex)).max() < 5e-11


def test_lagrange_reproduces_polynomials_also_at_the_ends():
    position = np.concatenate([[0.0, 9.0, 3.0], RNG.uniform(0, 9, 40)])
    index, weights = _lagrange(position, 4, 10)
    assert index.min() == 0
    assert index.max() == 9
    # Degree four is exact; round-off of powers up to 9^4.
    np.testing.assert_allclose((weights * index**4).sum(axis=1), position**4, atol=1e-10)


@pytest.mark.parametrize("is_complex", [False, True])
def test_distance_is_the_relative_l2_norm(is_complex):
    t = np.linspace(0, 1, 9)
    a = Trajectory([Segment(0, 1, moving(t, 4, is_complex), is_complex)])
    b = Trajectory([Segment(0, 1, moving(t, 3, is_complex), is_complex)])
    kept, dropped = 1 + 2 * np.exp(-np.arange(1, 5)).sum(), 2 * np.exp(-4.0)
    assert a.distance(b) == pytest.approx(np.sqrt(dropped / kept), rel=1e-12)
    assert a.distance(a) == 0


@pytest.mark.parametrize("is_complex", [False, True])
def test_trimming_and_storing_keep_the_function(is_complex):
    t = np.linspace(0, 1, 33)
    modes = moving(t, 5, is_complex)
    widths = (20, 20) if is_complex else (0, 20)
    padded = np.pad(modes, ((0, 0), widths))
    assert np.array_equal(trimmed(padded, is_complex), modes)
    once = Trajectory([Segment(0.0, 1.0, modes, is_complex)])
    again = Trajectory.from_arrays(once.arrays())
    phase = RNG.random(20)
    assert np.array_equal(once(phase, phase), again(phase, phase))


def test_tail_sees_the_last_quarter():
    t = np.linspace(0, 1, 3)
    trajectory = Trajectory([Segment(0, 1, moving(t, 15, False), False)])
    assert trajectory.tail(32) == pytest.approx(np.exp(-6.0))
    assert trajectory.tail(64) == 0
