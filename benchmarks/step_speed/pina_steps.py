"""Steps of PINA, as its Trainer takes them: one full batch an epoch."""

from __future__ import annotations

import time

import pytorch_lightning as pl
import torch
from pina import Condition, LabelTensor, Trainer
from pina.equation import Equation
from pina.operator import grad, laplacian
from pina.optim import TorchOptimizer
from pina.problem import SpatialProblem
from pina.solver import PINN

from benchmarks.step_speed.case import LEARNING_RATE, VISCOSITY, Case, Steps


def pina(case: Case) -> Steps:
    """Time from epoch to epoch; Lightning's own share of it included, since users pay it."""
    labels = ["x", "t"] if case.operator == "burgers" else ["x", "y"]
    points = LabelTensor(torch.from_numpy(case.points()), labels)
    condition = Condition(input=points, equation=Equation(_RESIDUALS[case.operator]))

    members = {
        "output_variables": ["u"],
        "spatial_domain": None,
        "input_variables": labels,
        "conditions": {"equation": condition},
    }
    # Built by call: the package keeps a problem in class attributes.
    problem = type("Problem", (SpatialProblem,), members)()
    optimizer = TorchOptimizer(torch.optim.Adam, lr=LEARNING_RATE)
    solver = PINN(problem, case.network(), optimizer=optimizer)

    def run(count: int) -> list[float]:
        clock = _Clock()
        trainer = Trainer(
            solver,
            max_epochs=count + 1,
            accelerator="cpu",
            precision=f"{case.precision}-true",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[clock],
        )
        trainer.train()
        return [b - a for a, b in zip(clock.times[:-1], clock.times[1:], strict=True)]

    return run


class _Clock(pl.Callback):
    def __init__(self) -> None:
        self.times: list[float] = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.times.append(time.perf_counter())


def _laplacian(points, u):
    return laplacian(u, points, components=["u"], d=["x", "y"])


def _burgers(points, u):
    gradient = grad(u, points, components=["u"], d=["x", "t"])
    second = grad(gradient, points, components=["dudx"], d=["x"])
    u_x, u_t = gradient.extract(["dudx"]), gradient.extract(["dudt"])
    return u_t + u * u_x - VISCOSITY * second


def _biharmonic(points, u):
    first = laplacian(u, points, components=["u"], d=["x", "y"])
    first.labels = ["v"]
    return laplacian(first, points, components=["v"], d=["x", "y"])


_RESIDUALS = {"laplacian": _laplacian, "burgers": _burgers, "biharmonic": _biharmonic}
