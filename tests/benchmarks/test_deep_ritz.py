"""The table of residuals against energies."""

from typing import Any

from benchmarks.deep_ritz import suite


def row(solver: str, error: float, energy: dict[str, float], verdict: str) -> dict[str, Any]:
    return {
        "problem": {"name": "rod"},
        "solver": {"name": solver},
        "optimizer": {"name": "adam"},
        "errors": {"u": {"relative_l2": error}, "v": {"relative_l2": error / 2}},
        "processor_seconds": 2.0,
        "steps": 10,
        "energy": energy,
        "verdict": verdict,
    }


def test_a_line_for_each_method_with_median_range_and_gap():
    above, below = {"gap": 0.02, "exact": -2.0}, {"gap": -0.04, "exact": -2.0}
    rows = [
        row("pinn", 0.1, above, "failed"),
        row("pinn", 0.3, below, "solved"),
        row("deep-ritz", 0.2, {"value": 1.0}, "solved"),
    ]
    lines = suite.table({"rows": rows}).splitlines()[-2:]
    assert lines == [
        "| rod | pinn | adam | 2.0e-01 (1.0e-01 to 3.0e-01) | 2 | 10 | "
        "-5.0e-03 (-2.0e-02 to 1.0e-02) | 1 of 2 |",
        "| rod | deep-ritz | adam | 2.0e-01 | 2 | 10 | minimum unknown | 1 of 1 |",
    ]
