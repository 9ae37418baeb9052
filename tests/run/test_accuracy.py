"""Default settings solve problems of each class, at reduced targets, in bounded steps."""

import pytest

import pdenet

# Steps are a third more than seeds 0 to 2 needed; published accuracy lives in the benchmarks.
CASES = [("poisson-2d", 1e-3, 600), ("burgers", 1e-2, 1300), ("klein-gordon", 1e-2, 200)]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "target", "steps"), CASES)
def test_default_settings_solve(name: str, target: float, steps: int) -> None:
    options = {"max_steps": steps, "max_seconds": None, "compile": "no"}
    record = pdenet.solve(name, target_error=target, **options).record
    assert record.verdict == "solved"
    assert record.stopped_by in ("target", "converged")  # least squares ends of itself
    assert record.worst_error is not None
    assert record.worst_error <= target


@pytest.mark.slow
def test_patches_and_windows_follow_the_front_of_burgers() -> None:
    solver = {"name": "least-squares", "patches": 16, "refine": False}
    record = pdenet.solve("burgers", solver, windows=20, max_seconds=600.0).record
    assert record.worst_error is not None
    # 24 patches give 3e-7; the front is a hundredth of the interval wide.
    assert record.worst_error < 1e-4
    assert len(record.fits) == 20
