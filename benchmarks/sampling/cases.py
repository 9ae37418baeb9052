"""Problems of the suite, each with what all samplers share, and the samplers.

The cases ask where the points should be, so points must be what decides. They are few: about one
and a half for each parameter of a network that is able to represent the solution, so that a peak
holds some three of them when they are even. Conditions are built into the network where that can be
done, and Levenberg-Marquardt lowers the residual at any set of points all but to its floor; with
weaker optimizers all samplers end near the same error, that of an unfinished training. Everything
but the sampler is the same within a case, the number of points and the steps between adaptations
included; stages of deep adaptive sampling are four times as long.

Where a problem says in which core its solution lives, a set that was placed there by hand tells
whether points are all that is missing. A row of its own shows the adversary whose points are all
drawn from its flow.
"""

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
        flow: Options of the adversarial sampler.
    """

    problem: str
    kind: str
    points: int
    network: dict[str, Any]
    parameters: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=lambda: {"name": "levenberg-marquardt"})
    steps: int = 160
    every: int = 20
    flow: dict[str, Any] = field(default_factory=dict)


TANH = {"name": "mlp", "width": 12, "depth": 3}
SMALL = {"name": "mlp", "width": 10, "depth": 2}
WIDE = {"name": "mlp", "width": 16, "depth": 2}
SHARP = {"sharpness": 400.0}
# A step of the flow costs more in ten dimensions.
THRIFTY = {"flow_steps": 5, "pool": 200, "candidates": 3000}
OFTEN = {"name": "levenberg-marquardt", "resample_every": 10}

CASES = {
    case.problem: case
    for case in (
        Case("one-peak-2d", "peak", 600, TANH, SHARP, steps=240),
        Case("two-peaks-2d", "peak", 600, TANH, SHARP, steps=240),
        Case("moving-peak", "peak", 600, TANH, SHARP, steps=240),
        Case("boundary-layer", "layer", 200, SMALL, {"diffusion": 0.01}, OFTEN, 100, 10),
        Case("burgers", "layer", 600, TANH),
        Case("allen-cahn", "layer", 600, TANH),
        Case("poisson-l-shape", "corner", 600, TANH),
        Case("poisson-2d", "smooth", 600, TANH),
        Case("exponential-nd", "peak", 600, WIDE, steps=120, flow=THRIFTY),
        Case("nonlinear-nd", "peak", 600, WIDE, steps=120, flow=THRIFTY),
    )
}

FIT = {"flow_steps": 100, "pool": 1000}  # half of the sampler's own: fits take most of its time
FRESH, FIXED, PLACED = "uniform, fresh", "uniform, fixed", "placed by hand"
SAMPLERS: dict[str, dict[str, Any]] = {
    FIXED: {"name": "uniform", "every": None},
    FRESH: {"name": "uniform"},
    "sobol": {"name": "sobol"},
    "rar": {"name": "rar", "turns": 4},
    "rar-d": {"name": "rar-d", "turns": 4},
    "rad": {"name": "rad"},
    "r3": {"name": "r3"},
    "das-r": {"name": "das", **FIT},
    "das-g": {"name": "das", "grow": True, "stages": 4, **FIT},
    "failure-informed": {"name": "failure-informed"},
    "adversarial": {"name": "adversarial"},
    "adversarial, flow's points": {"name": "adversarial", "draw": "flow"},
    PLACED: {"name": "placed"},
}

DEFAULT = (
    FIXED,
    FRESH,
    "rad",
    "rar-d",
    "r3",
    "das-r",
    "adversarial",
    "adversarial, flow's points",
    PLACED,
)
FRESH_POINTS = 4000  # at which the residual is looked at in the end
STAGE = 4  # times the steps between adaptations: a stage of deep adaptive sampling
