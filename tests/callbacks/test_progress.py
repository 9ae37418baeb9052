"""The line of progress: redrawn on a terminal, now and then a plain line elsewhere."""

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from pdenet import PINN
from pdenet.accuracy import Comparison
from pdenet.callbacks import Measure, ProgressLine
from pdenet.callbacks import progress as module


def shown(
    solver: PINN, fit: Callable[..., Any], terminal: bool, seconds: float | None = None
) -> str:
    out = StringIO()
    measure = Measure(Comparison.of(solver.problem, 100), every_steps=2)
    console = Console(file=out, force_terminal=terminal, width=120)
    fit(solver, measure, ProgressLine(measure, seconds, 6, console), max_steps=6)
    return out.getvalue()


def test_plain_lines(
    solver: PINN, fit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PLAIN_SECONDS", -1.0)
    lines = shown(solver, fit, terminal=False).splitlines()
    assert len(lines) == 6
    assert "adam  step 1  loss " in lines[0]
    assert "error" not in lines[0]  # nothing is measured yet
    assert f"step 6  loss {solver.loss:.2e}  error " in lines[5]


def test_plain_lines_are_rare(solver: PINN, fit: Callable[..., Any]) -> None:
    assert shown(solver, fit, terminal=False) == ""


@pytest.mark.parametrize("seconds", [None, 10.0])
def test_a_line_that_lives_and_goes(
    solver: PINN, fit: Callable[..., Any], seconds: float | None
) -> None:
    text = shown(solver, fit, terminal=True, seconds=seconds)
    assert "training" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor comes back


def test_the_line_goes_after_an_exception(solver: PINN, fit: Callable[..., Any]) -> None:
    out = StringIO()
    line = ProgressLine(Measure(), None, 6, Console(file=out, force_terminal=True))

    class Fails(Measure):
        def on_train_batch_end(self, *_: Any) -> None:
            raise RuntimeError("trouble")

    with pytest.raises(RuntimeError, match="trouble"):
        fit(solver, line, Fails(), max_steps=6)
    assert "\x1b[?25h" in out.getvalue()
