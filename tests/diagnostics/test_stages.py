"""Stages of loss curves that were made of known stages, under noise and on coarse steps."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdenet.diagnostics import plateau_cause, training_stages, with_motion
from pdenet.diagnostics.segments import scatter, straightened

STEPS = np.arange(10_000)
THREE = np.where(STEPS < 1000, 1.0, np.where(STEPS < 2000, 10.0 ** (2 - STEPS / 500), 0.01))


def noisy(curve: np.ndarray, noise: float, seed: int = 0) -> list[float]:
    rng = np.random.default_rng(seed)
    return (curve * np.exp(noise * rng.standard_normal(len(curve)))).tolist()


def names(curve: np.ndarray, noise: float = 0.1) -> list[str]:
    return [s.name for s in training_stages(STEPS.tolist(), noisy(curve, noise))]


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.1, 0.3])
@pytest.mark.parametrize("every", [1, 50])
def test_three_stages_with_the_steps_of_their_changes(noise: float, every: int) -> None:
    steps, loss = STEPS[::every].tolist(), noisy(THREE, noise)[::every]
    stages = training_stages(steps, loss)
    assert [s.name for s in stages] == ["initial plateau", "descent", "plateau"]
    assert stages[0].start == 0
    assert stages[-1].end == steps[-1]
    assert [s.end for s in stages[:-1]] == [s.start for s in stages[1:]]
    # A window is a twentieth of the steps so far; the fit finds the corner to within a few.
    assert stages[0].end == pytest.approx(1000, rel=0.2)
    assert stages[1].end == pytest.approx(2000, rel=0.2)
    assert abs(stages[2].slope) < 0.2 < stages[1].slope


def test_names_of_simple_curves() -> None:
    assert names((1 + STEPS) ** -0.5) == ["descent"]
    assert names(np.exp(-STEPS / 500)) == ["descent"]
    assert names(np.ones(len(STEPS)), noise=0.3) == ["initial plateau"]
    assert names(np.exp(-STEPS / 500) + 1e-3) == ["descent", "plateau"]
    stairs = names(10.0 ** -np.floor(STEPS / 2500))
    assert stairs == ["initial plateau", *["descent", "plateau"] * 3]


def test_slow_is_flat_only_below_the_bound() -> None:
    # Log loss falls by the slope for each e-fold of the steps.
    assert names((100 + STEPS) ** -0.15, noise=0.02)[-1] in ("plateau", "initial plateau")
    assert names((100 + STEPS) ** -0.3, noise=0.02) == ["descent"]


def test_a_slow_fall_after_a_fast_start_is_a_plateau() -> None:
    # As Adam often begins: half the loss in a few steps, then little for long.
    curve = np.where(STEPS < 20, np.exp(-STEPS / 40), np.exp(-0.5) * (1 + STEPS / 100) ** -0.1)
    assert names(curve, noise=0.02) == ["descent", "plateau"]


def test_a_jump_upwards_is_no_descent() -> None:
    assert "descent" not in names(np.where(STEPS < 5000, 0.01, 0.1))


@given(factor=st.floats(1e-8, 1e8), stretch=st.integers(1, 20), seed=st.integers(0, 100))
def test_units_of_loss_and_steps_do_not_matter(factor: float, stretch: int, seed: int) -> None:
    loss = noisy(THREE[::20], 0.1, seed)
    plain = training_stages(STEPS[::20].tolist(), loss)
    scaled = training_stages((STEPS[::20] * stretch + 7).tolist(), [factor * v for v in loss])
    assert [s.name for s in scaled] == [s.name for s in plain]
    for one, other in zip(plain, scaled, strict=True):
        assert other.end == pytest.approx(7 + one.end * stretch, abs=stretch)
        assert other.slope == pytest.approx(one.slope, abs=1e-9)


def test_what_is_no_loss_is_left_out() -> None:
    loss = THREE.tolist()
    for i in range(0, len(loss), 10):
        loss[i] = [math.nan, math.inf, 0.0, -1.0][i // 10 % 4]
    assert len(training_stages(STEPS.tolist(), loss)) == 3
    assert training_stages([0, 1], [1.0, 0.5]) == []
    assert training_stages(STEPS.tolist(), [math.nan] * len(STEPS)) == []


def test_motion_is_told_of_plateaus_alone() -> None:
    stages = training_stages(STEPS.tolist(), THREE.tolist())
    times = list(range(100, 10_001, 100))
    changes = [0.5 if t < 1000 else 1.0 if t < 2000 else 0.01 for t in times]
    assert [s.moving for s in with_motion(stages, times, changes)] == [True, None, False]
    assert [s.moving for s in with_motion(stages, [], [])] == [None] * 3


def test_causes_of_a_plateau() -> None:
    known = {"reached": False, "rank": 100.0, "modes": 256, "floor": 0.9}
    assert plateau_cause(**known) == "capacity or noise"  # type: ignore[arg-type]
    assert plateau_cause(**{**known, "reached": True}) == "converged"  # type: ignore[arg-type]
    assert plateau_cause(**{**known, "rank": 10.0}) == "conditioning"  # type: ignore[arg-type]
    assert plateau_cause(**{**known, "floor": 0.1}) == "conditioning"  # type: ignore[arg-type]
    assert plateau_cause(reached=False, rank=None, modes=None, floor=None) is None


def test_straight_pieces_of_a_curve_with_corners_and_noise() -> None:
    x = np.linspace(0, 6, 90)
    y = np.select([x < 2, x < 4], [0 * x, 2 - x], 3 + 0 * x)
    noise = 0.1 * np.random.default_rng(0).standard_normal(90)
    sigma = scatter(y + noise, np.ones(90))
    fit, pieces = straightened(x, y + noise, sigma)
    assert len(pieces) == 3
    assert [x[p.stop - 1] for p in pieces] == pytest.approx([2, 4, 6], abs=0.35)
    assert sigma == pytest.approx(0.1, rel=0.4)
    # The noise of a mean over some thirty points, and of a slope beside it.
    assert np.abs(fit - y).mean() < 0.05


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="increasing"):
        training_stages([0, 2, 1], [1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="one loss for each"):
        training_stages([0, 1], [1.0])
    with pytest.raises(ValueError, match="do not go with"):
        with_motion([], [1], [])
