"""Solutions without training: networks that are formulas, with a known perturbation."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pdenet.conditions import Condition, Data, Dirichlet, Integral
from pdenet.geometry import Ball, Box, Disk, Domain, Interval, Parameters, Polygon
from pdenet.jets import div, laplacian
from pdenet.problem import Problem
from pdenet.record import Curve, Record
from pdenet.report import maps, mesh_file, style
from pdenet.residuals import Residuals
from pdenet.solution import Solution

EPS = 1e-3  # of the perturbation; every error and residual is proportional to it
Formula = Callable[..., list[Tensor]]


class Formulas(nn.Module):
    """A network of one parameter whose outputs are given functions of it and the coordinates."""

    def __init__(self, formula: Formula, scale: float = EPS) -> None:
        super().__init__()
        self.formula = formula
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, x: Tensor) -> Tensor:
        columns = [x[..., i] for i in range(x.shape[-1])]
        return torch.stack(self.formula(self.scale, *columns), dim=-1)


class Known:
    """A reference of given functions."""

    kind = "exact"
    tolerance = 0.0

    def __init__(self, **fields: Callable[..., Tensor]) -> None:
        self.functions = fields
        self.fields = tuple(fields)

    def __call__(self, **coordinates: Tensor) -> dict[str, Tensor]:
        return {name: f(**coordinates) for name, f in self.functions.items()}


def record_of(problem: Problem, /, *, seed: int = 0, error: float = 8e-4, **changes: Any) -> Record:
    steps = [0, 100, 200, 300]
    known = problem.reference is not None
    errors = {"relative_l2": error, "relative_max": 2 * error}
    curve = Curve(
        step=steps,
        seconds=[0.0, 1.0, 2.0, 4.0],
        loss=[1.0, 0.1, 0.01, 0.001],
        error=[10.0**-i if known else None for i in range(4)],
        terms=[dict.fromkeys(problem.conditions, 10.0 ** (-i)) for i in range(4)],
        phase=["adam", "adam", "l-bfgs", "l-bfgs"],
    )
    record = Record(
        problem={"name": problem.name, "parameters": dict(problem.parameters)},
        solver={"name": "pinn"},
        network={"name": "mlp", "width": 64},
        initializer={"name": "glorot"},
        sampler={"name": "uniform"},
        optimizer={"name": "adam", "phases": [{"rate": 1e-3}]},
        balance={"name": "static"},
        parameters=12801,
        seed=seed,
        precision=64,
        chosen=["Solver pinn: the problem is nonlinear."],
        steps=300,
        seconds={"setup": 0.5, "training": 4.0, "evaluation": 0.5, "total": 5.0},
        stopped_by="target",
        stop_reason="the error 8e-04 is below 1e-03",
        reference="exact" if known else None,
        errors=dict.fromkeys(problem.reference.fields, errors) if problem.reference else None,
        unknowns={},
        indicators={"training": dict.fromkeys(problem.conditions, 1e-3), "overfit": 2.0},
        effective_rank=None,
        verdict="solved" if known else "doubtful",
        reasons=["The error is below the target."],
        curve=curve,
    )
    return replace(record, **changes)


def solution_of(problem: Problem, formula: Formula, *, scale: float = EPS) -> Solution:
    return Solution(Residuals(problem, Formulas(formula, scale)), record_of(problem))


def waves(domain: Domain, *, reference: bool = True) -> Solution:
    """u = sum of sin((i + 2) x_i), known exactly, perturbed by EPS times the last coordinate."""

    def exact(**at: Tensor) -> Tensor:
        return torch.stack([torch.sin((i + 2) * v) for i, v in enumerate(at.values())]).sum(0)

    def formula(scale: Tensor, *x: Tensor) -> list[Tensor]:
        return [sum(torch.sin((i + 2) * v) for i, v in enumerate(x)) + scale * x[-1]]

    axes = domain.space or domain.coordinates
    problem = Problem(
        domain=domain,
        fields="u",
        conditions={"poisson": Condition(lambda u: laplacian(u, *axes), on=domain.interior)},
        reference=Known(u=exact) if reference else None,
        name="waves",
    )
    return solution_of(problem, formula)


def line() -> Solution:
    """u = (1 + EPS) x^2 against x^2, with data, an integral and an equation on one half."""
    domain = Interval(x=(0, 1))
    x = torch.linspace(0, 1, 7)
    problem = Problem(
        domain=domain,
        fields="u",
        conditions={
            "poisson": Condition(lambda u: u.xx - 2, on=domain.interior),
            "left": Condition(lambda u: u.x, on=domain.where(lambda x: x < 0.5, "left half")),
            "walls": Dirichlet(u=0, on=domain.boundary),
            "mean": Integral(lambda u: u, on=domain.interior, equals=1 / 3),
            "data": Data({"x": x}, u=x**2 + 0.1),
        },
        reference=Known(u=lambda x: x**2),
        source="A textbook <1999>",
        name="line",
    )
    return solution_of(problem, lambda s, x: [x**2 + s * x**2])


def flow() -> Solution:
    """Velocity and pressure on a rectangle in time; the pressure is off by a constant too."""
    domain = Box(x=(0, 2), y=(0, 1), t=(0, 1))
    exact = Known(
        velocity=lambda x, y, t: torch.stack([torch.cos(x) * y, torch.sin(x) * t], -1),
        p=lambda x, y, t: x * y,
    )
    problem = Problem(
        domain=domain,
        fields={"velocity": 2, "p": ()},
        conditions={"mass": Condition(lambda velocity: div(velocity), on=domain.interior)},
        reference=exact,
        modulo_constant=("p",),
        name="flow",
    )
    return solution_of(
        problem,
        # 0 * s makes every field NaN where the parameter is.
        lambda s, x, y, t: [torch.cos(x) * y + s, torch.sin(x) * t, x * y + 7.0 + 0 * s],
    )


def stress() -> Solution:
    """A tensor field on a disk, without a reference."""
    domain = Disk(center=(0, 0), radius=1)
    problem = Problem(
        domain=domain,
        fields={"stress": (2, 2)},
        conditions={"balance": Condition(lambda stress: stress[0][0].x, on=domain.interior)},
        name="stress",
    )
    return solution_of(problem, lambda s, x, y: [x + s, y, y, x * y])


SOLUTIONS: Mapping[str, Callable[[], Solution]] = {
    "line": line,
    "flow": flow,
    "stress": stress,
    "ode": lambda: waves(Interval(t=(0, 5))),
    "line-parameter": lambda: waves(Interval(x=(0, 1)) * Parameters(nu=(0, 1))),
    "evolution": lambda: waves(Box(x=(-1, 1), t=(0, 2))),
    "evolution-parameter": lambda: waves(Box(x=(-1, 1), t=(0, 2)) * Parameters(nu=(0.1, 1))),
    "square": lambda: waves(Box(x=(0, 1), y=(0, 1))),
    "channel": lambda: waves(Box(x=(0, 10), y=(0, 1)), reference=False),
    "holed": lambda: waves(Box(x=(0, 1), y=(0, 1)) - Disk(center=(0.5, 0.5), radius=0.2)),
    "l-shape": lambda: waves(Polygon([(-1, -1), (0, -1), (0, 0), (1, 0), (1, 1), (-1, 1)])),
    "disk-time": lambda: waves(Disk(center=(0, 0), radius=1) * Interval(t=(0, 2))),
    "disk-time-parameter": lambda: waves(
        Disk(center=(0, 0), radius=1) * Interval(t=(0, 2)) * Parameters(nu=(0, 1))
    ),
    "ball": lambda: waves(Ball(center=(0, 0, 0), radius=1)),
    "ten": lambda: waves(Box(**{f"x{i}": (0, 1) for i in range(1, 11)})),
    "ten-time": lambda: waves(Box(**{f"x{i}": (0, 1) for i in range(1, 11)}, t=(0, 1))),
}


@pytest.fixture
def build() -> Callable[[str], Solution]:
    """Builds a solution by name."""
    return lambda name: SOLUTIONS[name]()


@pytest.fixture
def record() -> Callable[..., Record]:
    """Builds a record of a problem."""
    return record_of


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small meshes and pictures: what is tested does not depend on their size."""
    monkeypatch.setattr(maps, "PLANE_POINTS", 600)
    monkeypatch.setattr(mesh_file, "MESH_POINTS", 800)
    monkeypatch.setattr(style, "DPI", 40)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that ask for ``solution_name`` run for every solution."""
    if "solution_name" in metafunc.fixturenames:
        metafunc.parametrize("solution_name", SOLUTIONS)
