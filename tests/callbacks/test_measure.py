"""Measuring while training: what is measured, when, and when it ends training."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pdenet import PINN, Condition, Problem, Unknown
from pdenet.accuracy import Comparison
from pdenet.callbacks import Measure
from pdenet.geometry import Interval
from pdenet.networks import MLP
from pdenet.optim import NonFiniteError


def measure(solver: PINN, **options: Any) -> Measure:
    return Measure(Comparison.of(solver.problem, 200), **options)


def test_the_curve_holds_what_was_measured(solver: PINN, fit: Callable[..., Any]) -> None:
    callback = measure(solver, every_steps=3)
    trainer = fit(solver, callback, max_steps=8)
    curve = callback.curve
    assert curve.step == [3, 6, 8]  # and once more at the end
    assert curve.phase == ["adam"] * 3
    assert curve.seconds == sorted(curve.seconds)
    assert curve.loss[-1] == solver.loss
    assert curve.terms[-1] == solver.terms
    assert callback.comparison is not None
    (error,) = callback.comparison.errors(solver.residuals).values()
    assert curve.error[-1] == error.relative_l2
    assert float(trainer.callback_metrics["error"]) == pytest.approx(curve.error[1], rel=1e-6)


def test_measuring_at_intervals_of_time(solver: PINN, fit: Callable[..., Any]) -> None:
    often = measure(solver, every_seconds=1e-9)
    fit(solver, often, max_steps=4)
    assert often.curve.step == [1, 2, 3, 4]
    assert often.seconds_measuring > 0


def test_measuring_does_not_count_as_training(
    solver: PINN, fit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    callback = measure(solver, every_steps=1)
    slow = Comparison.errors

    def errors(self: Comparison, residuals: Any) -> Any:
        time.sleep(0.2)
        return slow(self, residuals)

    monkeypatch.setattr(Comparison, "errors", errors)
    start = time.monotonic()
    fit(solver, callback, max_steps=3)
    assert callback.seconds_measuring >= 0.6
    assert callback.curve.seconds[-1] <= time.monotonic() - start - 0.4


def test_the_target_ends_training(solver: PINN, fit: Callable[..., Any]) -> None:
    trainer = fit(solver, measure(solver, target=1e9, every_steps=2))
    assert trainer.global_step == 2
    assert solver.progress.stopped_by == "target"
    assert "is below 1.00e+09" in solver.progress.stop_reason


def test_without_a_reference_there_is_no_error(solver: PINN, fit: Callable[..., Any]) -> None:
    callback = Measure(None, target=1e9, every_steps=2)
    fit(solver, callback, max_steps=4)
    assert callback.curve.error == [None, None]
    assert solver.progress.stopped_by is None


def test_the_worst_of_fields_and_constants_counts(fit: Callable[..., Any]) -> None:
    rod = Interval(x=(0, 1))
    problem = Problem(
        domain=rod,
        fields="u",
        conditions={"it": Condition(lambda u, k: u - k, on=rod.interior)},
        unknowns={"k": Unknown(5.0, exact=1.0)},
    )
    module = PINN(problem, MLP(1, 1, width=3, depth=1))
    points = rod.quadrature(10)
    callback = Measure(Comparison(points, {"u": module(points.x)[:, 0].detach()}), every_steps=1)
    assert callback.measure(module) == pytest.approx(4.0)


def test_a_resumed_run_goes_on_with_its_curve(
    solver: PINN, fit: Callable[..., Any], tmp_path: Path
) -> None:
    first = measure(solver, every_steps=2)
    fit(solver, first, max_steps=4).save_checkpoint(tmp_path / "it.ckpt")
    second = measure(solver, every_steps=2)
    fit(solver, second, max_steps=8, ckpt_path=tmp_path / "it.ckpt")
    assert second.curve.step == [2, 4, 6, 8]
    assert second.curve.error[:2] == first.curve.error
    assert second.curve.seconds == sorted(second.curve.seconds)


def test_there_is_nothing_to_measure_on_broken_networks(solver: PINN) -> None:
    with torch.no_grad():
        next(solver.parameters())[:] = torch.nan
    with pytest.raises(NonFiniteError, match="Step 0: a parameter"):
        measure(solver).measure(solver)


@pytest.mark.parametrize(
    "options",
    [{"target": 0.0}, {"target": float("nan")}, {"every_seconds": -1.0}, {"every_steps": 0}],
)
def test_bad_numbers(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="positive"):
        Measure(**options)
