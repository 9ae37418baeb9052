"""The goals, and what each problem is solved with: the one place where these settings live.

Published records are quoted as secondary sources give them: [1] Urbán, Stefanou, Pons, J. Comput.
Phys. 523, 2025, 113656; [2] Kiyani et al., arXiv 2501.16371; [3] Wang et al., arXiv 2502.00604;
[4] Chen et al., J. Mach. Learn. 1(3), 2022 (largest errors); [5] Müller and Zeinhofer, ICML 2023;
[6] Guzmán-Cordero et al., arXiv 2505.12149, on another network and machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Goal:
    """An error to be reached.

    Args:
        problem: Name in the catalogue.
        error: Relative L2 error of the worst field.
        published: The record, with its source.
        options: What :func:`pdenet.run.solve` is given.
        parameters: Of the problem.
        before: Parameters of problems that are solved first, each from the network of the last.
        stop_at: Error at which training ends; the goal where nothing is said. Windows of time end
            one by one, and what each leaves grows in the next.
    """

    problem: str
    error: float
    published: str = "none found"
    options: Options = field(default_factory=dict)
    parameters: Options = field(default_factory=dict)
    before: tuple[Options, ...] = ()
    stop_at: float | None = None

    @property
    def name(self) -> str:
        """The problem, with its parameters."""
        given = ", ".join(f"{k} {v:g}" for k, v in self.parameters.items())
        return f"{self.problem} ({given})" if given else self.problem


FITTED: Options = {"solver": "least-squares"}


def followed(windows: int, patches: int) -> Options:
    """Least squares of patches that follow what moves on an interval.

    Args:
        windows: Of time.
        patches: Along the interval.

    Returns:
        Options of a solve.
    """
    solver = {"name": "least-squares", "patches": patches, "refine": False}
    return {"solver": solver, "windows": windows}


def trained(
    width: int,
    depth: int,
    points: int,
    *,
    boundary: int = 256,
    activation: str = "tanh",
    first: int = 200,
    every: int = 500,
    **more: Any,
) -> Options:
    """Gauss-Newton to find the basin, then self-scaled Broyden with fresh points.

    Args:
        width: Of the network.
        depth: Of the network.
        points: Inside.
        boundary: Points on the boundary.
        activation: Of the network.
        first: Steps of Levenberg-Marquardt.
        every: Broyden steps on the same points.
        more: Other options.

    Returns:
        Options of a solve.
    """
    return {
        "solver": "pinn",
        "network": {"name": "mlp", "width": width, "depth": depth, "activation": activation},
        "sampler": {"name": "rad", "points": points, "boundary_points": boundary},
        "optimizer": {
            "name": "levenberg-marquardt-ssbroyden",
            "lm_steps": first,
            "resample_every": every,
        },
        **more,
    }


START = {"name": "static", "weights": {"start": 100.0}}

GOALS: dict[str, Goal] = {
    goal.name: goal
    for goal in (
        Goal("poisson-2d", 1e-10, "1e-6 to 1e-8 [5]; 7.0e-12 on another solution [4]", FITTED),
        Goal("helmholtz-2d", 1e-7, options=FITTED),
        Goal("wave-1d", 1e-6, options=FITTED),
        Goal("kovasznay", 1e-9, options=FITTED),
        Goal("reaction-diffusion", 1e-8, options=FITTED),
        Goal("poisson-nd", 1e-6, "below 1e-3 [6]", trained(32, 2, 4000, first=1000),
             {"dimension": 5}),
        # Twenty faces share the boundary's points: 256 are fitted while values between them stay
        # wrong. This solution favors sines: it is a sum of plane waves, which one layer of 64 sines
        # contains. Tanh in their place stands at 2e-4 after 280 steps and hardly falls.
        Goal("poisson-nd", 1e-5,
             options=trained(32, 2, 4000, boundary=2000, activation="sin", first=1000),
             parameters={"dimension": 10}),
        Goal("burgers", 8e-9, "8.25e-9, 1.62e-8 [2]", followed(20, 64)),
        Goal("allen-cahn", 5e-7, "9.43e-7 [2]", followed(20, 96)),
        Goal("korteweg-de-vries", 1e-5, "3.40e-4 [3]", followed(20, 32)),
        Goal("kuramoto-sivashinsky", 2e-5, "2.65e-5 [2]", followed(30, 36), {"t_final": 0.5}),
        Goal("kuramoto-sivashinsky", 1e-4, "6.51e-4 [2]; 3.86e-2 [3]", followed(80, 36),
             {"t_final": 1.0}),
        Goal("schrodinger", 1e-6, options=followed(20, 16)),
        Goal("lid-driven-cavity", 1e-3, options=FITTED, parameters={"reynolds": 100}),
        Goal("lid-driven-cavity", 1e-2, options=trained(30, 3, 4000, first=60),
             parameters={"reynolds": 1000}, before=({"reynolds": 100}, {"reynolds": 400})),
    )
}  # fmt: skip
