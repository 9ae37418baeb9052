"""Clocks and Ctrl-C end training in good order."""

import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import pytorch_lightning as pl

from pdenet import PINN
from pdenet.callbacks import StopOnInterrupt, TimeLimit


class At(pl.Callback):
    """Does something at a step."""

    def __init__(self, step: int, act: Callable[[], Any]) -> None:
        self.step, self.act = step, act

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        if pl_module.progress.step == self.step:
            self.act()


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def test_time_ends_training(solver: PINN, fit: Callable[..., Any]) -> None:
    fit(solver, At(2, lambda: time.sleep(0.2)), TimeLimit(0.2))
    assert solver.progress.stopped_by == "max-seconds"
    assert solver.progress.stop_reason == "0.2 seconds of training are over"
    assert solver.progress.step <= 2


def test_the_clock_starts_with_training(solver: PINN, fit: Callable[..., Any]) -> None:
    limit = TimeLimit(0.1)
    time.sleep(0.1)
    fit(solver, limit, max_steps=1)
    again = TimeLimit(1e9)
    fit(solver, again, max_steps=2)
    assert solver.progress.stopped_by is None


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_bad_limits(seconds: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        TimeLimit(seconds)


def test_ctrl_c_asks_for_the_end(solver: PINN, fit: Callable[..., Any]) -> None:
    before = signal.getsignal(signal.SIGINT)
    trainer = fit(solver, StopOnInterrupt(), At(3, interrupt), max_steps=50)
    assert (trainer.global_step, solver.progress.stopped_by) == (3, "interrupted")
    assert "--resume" in solver.progress.stop_reason
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_before_the_first_step(solver: PINN, fit: Callable[..., Any]) -> None:
    class Early(pl.Callback):
        def on_train_start(self, *_: Any) -> None:
            interrupt()

    trainer = fit(solver, StopOnInterrupt(), Early(), max_steps=50)
    assert trainer.global_step <= 1
    assert solver.progress.stopped_by == "interrupted"


def test_ctrl_c_when_training_is_over(solver: PINN, fit: Callable[..., Any]) -> None:
    class Late(pl.Callback):
        def on_train_end(self, *_: Any) -> None:
            interrupt()

    trainer = fit(solver, StopOnInterrupt(), Late(), max_steps=3)
    assert (trainer.global_step, solver.progress.stopped_by) == (3, "interrupted")


def test_a_second_ctrl_c_breaks_off(solver: PINN, fit: Callable[..., Any]) -> None:
    # A shell starts what runs in the background with the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def twice() -> None:
        interrupt()
        interrupt()

    try:
        # Lightning turns it into the process's end.
        with pytest.raises(SystemExit):
            fit(solver, StopOnInterrupt(), At(3, twice), max_steps=50)
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_exception_puts_the_handler_back(solver: PINN, fit: Callable[..., Any]) -> None:
    before = signal.getsignal(signal.SIGINT)

    def fail() -> None:
        raise RuntimeError("trouble")

    with pytest.raises(RuntimeError, match="trouble"):
        fit(solver, StopOnInterrupt(), At(2, fail), max_steps=50)
    assert signal.getsignal(signal.SIGINT) is before


def test_other_threads_cannot_take_signals(solver: PINN, fit: Callable[..., Any]) -> None:
    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=lambda: fit(solver, StopOnInterrupt(), max_steps=2))
    thread.start()
    thread.join()
    assert solver.progress.step == 2
    assert signal.getsignal(signal.SIGINT) is before
