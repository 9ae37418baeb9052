"""Problems of the suite, each with what all samplers share, and the samplers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """A problem with what all samplers share.

    Args:
        problem: Its name.
        kind: peak, layer, corner or smooth.
        points: Points in the interior.
        network: Name and arguments.
        parameters: Of the problem.
        optimizer: Name and arguments.
        steps: Optimizer steps.
        every: Steps between adaptations.
        flow: Options of samplers with a flow.
    """

    problem: str
    kind: str
    points: int
    network: dict[str, Any]
    parameters: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(
        default_factory=lambda: {
            "name": "adam-ssbroyden",
            "adam_steps": 500,
            "lr": 5e-3,
            "resample_every": 200,
        }
    )
    steps: int = 1300
    every: int = 200
    flow: dict[str, Any] = field(default_factory=dict)


SINES = {"name": "siren", "width": 14, "depth": 3}
TANH = {"name": "mlp", "width": 14, "depth": 3}
MANY = {"name": "adam", "lr": 5e-3}

CASES = {
    case.problem: case
    for case in (
        Case("one-peak-2d", "peak", 400, SINES, {"sharpness": 400.0}),
        Case("two-peaks-2d", "peak", 400, SINES, {"sharpness": 400.0}),
        Case("moving-peak", "peak", 400, SINES, {"sharpness": 400.0}),
        Case("boundary-layer", "layer", 100, {"name": "mlp", "width": 12, "depth": 2}),
        Case("burgers", "layer", 400, TANH),
        Case("allen-cahn", "layer", 400, TANH),
        Case("poisson-l-shape", "corner", 400, TANH),
        Case("poisson-2d", "smooth", 400, TANH),
        Case("exponential-nd", "peak", 1000, TANH, {}, MANY, 1500, 100),
        Case("nonlinear-nd", "peak", 1000, TANH, {}, MANY, 1500, 100),
    )
}

FRESH, FIXED = "uniform, fresh", "uniform, fixed"
SAMPLERS: dict[str, dict[str, Any]] = {
    FIXED: {"name": "uniform", "every": None},
    FRESH: {"name": "uniform"},
    "sobol": {"name": "sobol"},
    "rar": {"name": "rar", "turns": 4},
    "rar-d": {"name": "rar-d", "turns": 4},
    "rad": {"name": "rad"},
    "r3": {"name": "r3"},
    "das-r": {"name": "das"},
    "das-g": {"name": "das", "grow": True, "stages": 4},
    "failure-informed": {"name": "failure-informed"},
    "adversarial": {"name": "adversarial"},
}
