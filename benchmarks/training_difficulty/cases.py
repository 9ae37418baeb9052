"""Problems that are trained; everything but the start is the same within a case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """One problem, trained by Adam from every start that `auto` tries.

    Args:
        name: What the table calls it.
        problem: Name in the catalogue.
        parameters: Arguments of the problem.
        solver: Name of the solver.
        width: Width of the network.
        depth: Its hidden layers.
        points: Training points in the interior.
        steps: Steps of Adam.
        lr: Its rate at the start; it falls to a hundredth.
        weights: Of trained conditions, in the loss.
    """

    name: str
    problem: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    solver: str = "pinn"
    width: int = 40
    depth: int = 2
    points: int = 300
    steps: int = 1200
    lr: float = 5e-3
    weights: Mapping[str, float] = field(default_factory=dict)


ONE_D: dict[str, Any] = {
    "width": 100,
    "depth": 1,
    "points": 100,
    "steps": 2000,
    "lr": 1e-2,
}
OPERATOR: dict[str, Any] = {"solver": "deeponet", "width": 60, "points": 100, "steps": 1000}

CASES = (
    Case("poisson-1d", "poisson-1d", {"frequency": 4}, **ONE_D),
    Case("poisson-2d", "poisson-2d", {"frequency": 4}),
    Case("helmholtz-2d", "helmholtz-2d", {"frequency": 2, "boundary": "zero"}),
    Case("burgers", "burgers"),
    # With a weight of 1 every start leaves Allen-Cahn on the wrong branch.
    Case("allen-cahn", "allen-cahn", weights={"start": 100.0}),
    Case("poisson-1d by Ritz", "poisson-1d", {"frequency": 4}, "deep-ritz", **ONE_D),
    Case("poisson-2d by Ritz", "poisson-2d", {"frequency": 2}, "deep-ritz"),
    Case("antiderivative", "antiderivative", **OPERATOR),
    Case("reaction-diffusion", "reaction-diffusion-operator", **OPERATOR),
)
