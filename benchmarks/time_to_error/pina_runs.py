"""PINA, with the settings of its tutorials.

Networks of tutorial 9 (two layers of 64, tanh, periodic embedding), boundary values built in as in
tutorial 3, Fourier features of tutorial 13 where the solution is fast, 1000 random points a
condition as in tutorial 3, Adam with its default rate of 1e-3, one full batch an epoch, float32.
"""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback
from pina import Condition, LabelTensor, Trainer
from pina.equation import Equation
from pina.model import FeedForward
from pina.operator import grad
from pina.optim import TorchOptimizer
from pina.problem import SpatialProblem
from pina.solver import PINN
from torch import nn

from benchmarks.time_to_error.cases import Case
from benchmarks.time_to_error.stopwatch import Stopwatch

POINTS, RATE = 1000, 1e-3
HIDDEN = [64, 64]
SIGMAS = {"wave-1d": (1.0, 10.0)}


class Network(nn.Module):
    """A feed-forward network on embedded coordinates, with what is built in.

    Args:
        case: The problem.
    """

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.case = case
        draws = [s * torch.randn(2, 50) for s in SIGMAS.get(case.problem, ())]
        self.waves: torch.Tensor
        self.register_buffer("waves", torch.cat(draws, 1) if draws else torch.zeros(2, 0))
        inputs = 2 * self.waves.shape[1] if draws else 2 + len(case.periods)
        self.body = FeedForward(
            input_dimensions=inputs, output_dimensions=len(case.fields), layers=HIDDEN
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, 2) to (n, fields)."""
        x = x.as_subclass(torch.Tensor)
        values = self.body(self._embedded(x))
        # Zero on the walls: values other than zero are trained.
        if self.case.problem in ("poisson-2d", "burgers", "wave-1d"):
            for k, (a, b) in enumerate(zip(self.case.low, self.case.high, strict=True)):
                if self.case.coordinates[k] != "t":
                    column = x[:, k : k + 1]
                    values = values * (column - a) * (b - column)
        return values

    def _embedded(self, x: torch.Tensor) -> torch.Tensor:
        if self.waves.shape[1]:
            return torch.cat([torch.cos(x @ self.waves), torch.sin(x @ self.waves)], 1)
        columns = []
        for k, (a, b) in enumerate(zip(self.case.low, self.case.high, strict=True)):
            angle = 2 * pi / (b - a) * x[:, k : k + 1]
            wave = [torch.cos(angle), torch.sin(angle)]
            columns += wave if k in self.case.periods else [x[:, k : k + 1]]
        return torch.cat(columns, 1)


def adam(case: Case, watch: Stopwatch, seed: int) -> None:
    """Adam until the seconds are over."""
    torch.manual_seed(seed)
    watch.note(settings=f"{' x '.join(map(str, HIDDEN))} tanh, {POINTS} points, float32")
    network = Network(case)
    solver = PINN(
        _problem(case, seed), network, optimizer=TorchOptimizer(torch.optim.Adam, lr=RATE)
    )
    trainer = Trainer(
        solver,
        max_epochs=10**8,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[_Look(watch, network)],
    )
    trainer.train()


class _Look(Callback):
    def __init__(self, watch: Stopwatch, network: nn.Module) -> None:
        self.watch, self.network = watch, network

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        trainer.should_stop = self.watch.look(self._predict)

    def _predict(self, x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return self.network(torch.from_numpy(x).float()).double().numpy()


def _problem(case: Case, seed: int) -> Any:
    members = {
        "output_variables": list(case.fields),
        "spatial_domain": None,
        "input_variables": list(case.coordinates),
        "conditions": {
            name: Condition(input=points, equation=Equation(rows))
            for name, (points, rows) in _conditions(case, np.random.default_rng(seed)).items()
        },
    }
    # Built by call: the package keeps a problem in class attributes.
    return type("Problem", (SpatialProblem,), members)()


def _conditions(case: Case, generator: np.random.Generator) -> dict[str, tuple[Any, Any]]:
    def points(column: int | None = None, value: float = 0.0) -> Any:
        drawn = generator.uniform(case.low, case.high, (POINTS, 2))
        if column is not None:
            drawn[:, column] = value
        return LabelTensor(torch.from_numpy(drawn).float(), list(case.coordinates))

    found: dict[str, tuple[Any, Any]] = {"inside": (points(), _equations(case))}
    if case.problem == "kovasznay":
        for k in (0, 1):
            for side, value in (("low", case.low[k]), ("high", case.high[k])):
                found[f"{side}{k}"] = (points(k, value), _values(case, case.walls))
    if case.start is not None:
        found["start"] = (points(1, case.low[1]), _values(case, {"u": case.start}))
    if case.at_rest:
        found["rest"] = (points(1, case.low[1]), _rate)
    return found


def _rate(x, u):
    return grad(u, x, components=["u"], d=["t"])


def _values(case: Case, wanted: Any) -> Any:
    def rows(x, u):
        a, b = (x.extract([name]).as_subclass(torch.Tensor) for name in case.coordinates)
        off = [u.extract([n]).as_subclass(torch.Tensor) - f(torch, a, b) for n, f in wanted.items()]
        return torch.cat(off, 1)

    return rows


def _equations(case: Case) -> Any:
    def rows(x, u):
        first: dict[str, Any] = {}

        def d(name: str, axes: str = "") -> Any:
            if not axes:
                return u.extract([name]).as_subclass(torch.Tensor)
            if name not in first:
                first[name] = grad(u, x, components=[name], d=list(case.coordinates))
            gradient, label = first[name], f"d{name}d{axes[0]}"
            if len(axes) == 2:
                one = gradient.extract([label])
                gradient, label = (
                    grad(one, x, components=[label], d=[axes[1]]),
                    f"d{label}d{axes[1]}",
                )
            return gradient.extract([label]).as_subclass(torch.Tensor)

        a, b = (x.extract([name]).as_subclass(torch.Tensor) for name in case.coordinates)
        return torch.cat(case.equations(torch, a, b, d), 1)

    return rows
