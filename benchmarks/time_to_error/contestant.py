"""One contender on one problem, in a process of its own: ``python -m ...contestant`` with JSON."""

from __future__ import annotations

import importlib
import json
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.time_to_error.cases import CASES
from benchmarks.time_to_error.stopwatch import Stopwatch
from pdenet.catalogue import find

Contender = Callable[[Any, Stopwatch, int], None]
"""Trains on a case with a seed; ends when the stopwatch says so, or by itself.

The case is None where only the catalogue has the problem: that does for pdenet alone.
"""

CONTENDERS: dict[str, tuple[str, str]] = {
    "pdenet, auto": ("pdenet_runs", "automatic"),
    "pdenet, trained": ("pdenet_runs", "trained"),
    "pdenet, LM then SSBroyden": ("pdenet_runs", "handed_over"),
    "DeepXDE": ("deepxde_runs", "adam_lbfgs"),
    "DeepXDE, NNCG": ("deepxde_runs", "adam_lbfgs_nncg"),
    "PINA": ("pina_runs", "adam"),
    "JAX, as jaxpi": ("jax_runs", "jaxpi"),
}
"""Module of this package and function; imported in its own process alone."""
LATE = 0.1  # of the cap: for so much longer a look may be missing


def main() -> None:
    """Runs what the one argument says."""
    warnings.simplefilter("ignore")
    asked = json.loads(sys.argv[1])
    module, function = CONTENDERS[asked["contender"]]
    problem = find(asked["problem"]).build(**asked["parameters"])
    watch = Stopwatch(problem, asked["target"], asked["cap"], Path(asked["path"]))
    contender: Contender = getattr(
        importlib.import_module(f"benchmarks.time_to_error.{module}"), function
    )
    # Packages are loaded by now: what is timed is building, compiling and training.
    watch.start()
    ended = "stopped by itself"
    try:
        _break_off_when_over(watch)
        contender(CASES.get(asked["problem"]), watch, asked["seed"])
    except CapReached:
        ended = f"{watch.cap:g} CPU seconds are over, within a step"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    watch.end(ended)


class CapReached(BaseException):
    """A contender's seconds are over between two looks; no package takes it for its own error."""


def _break_off_when_over(watch: Stopwatch) -> None:
    """Ends steps that outlast the cap: one of NNCG may take a thousand products."""

    def over(*_: Any) -> None:
        signal.setitimer(signal.ITIMER_PROF, LATE * watch.cap)
        if watch.ended is None and watch.cpu > (1 + LATE) * watch.cap:
            raise CapReached

    signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, (1 + LATE) * watch.cap)


if __name__ == "__main__":
    main()
