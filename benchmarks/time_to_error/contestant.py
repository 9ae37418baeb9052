"""One contender on one problem, in a process of its own: ``python -m ...contestant`` with JSON."""

from __future__ import annotations

import importlib
import json
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
    contender(CASES.get(asked["problem"]), watch, asked["seed"])
    watch.end("stopped by itself")


if __name__ == "__main__":
    main()
