"""Trains small problems in this process, or in one of several: ``torchrun two_processes.py OUT``.

Not a test of its own: test_ddp.py runs it once by torchrun and once by itself.
"""

import sys
import warnings
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch

from pdenet import PINN, Condition, Data, Dirichlet, Initial, Integral, Periodic, Problem
from pdenet.accuracy import Comparison
from pdenet.balancing import BALANCES
from pdenet.callbacks import Measure, TimeLimit
from pdenet.geometry import Box, Point
from pdenet.networks import MLP
from pdenet.optim import OPTIMIZERS
from pdenet.references import Exact
from pdenet.sampling import SAMPLERS
from pdenet.solvers.start import INITIALIZERS

CASES = [
    # optimizer, block, balance, sampler, and where training starts from
    ("adam", 1, "static", "uniform"),
    ("adam", 3, "static", "uniform"),
    ("adam", 1, "static", "quadrature"),
    ("adam", 3, "static", "rad"),
    ("adam", 1, "gradient-norm", "uniform"),
    ("adam", 3, "ntk", "uniform"),
    ("adam", 3, "relobralo", "uniform"),
    ("adam", 3, "residual-attention", "uniform"),
    ("adam", 3, "causal", "quadrature"),
    ("adam-lbfgs", 3, "static", "uniform"),
    ("adam-lbfgs", 3, "residual-attention", "quadrature"),
    ("adam-ssbroyden", 3, "gradient-norm", "uniform"),
    ("levenberg-marquardt", 3, "residual-attention", "quadrature"),
    ("levenberg-marquardt-ssbroyden", 1, "static", "uniform"),
    ("gauss-newton-cg", 3, "gradient-norm", "uniform"),
    ("engd", 1, "static", "uniform"),
    ("engd-w", 1, "static", "uniform"),
    ("spring", 3, "static", "uniform"),
    ("adam", 3, "static", "adversarial"),
    ("levenberg-marquardt", 3, "static", "uniform", "partition-of-unity"),
]
STEPS = 12

# Phases short enough to reach the second one; dampings that keep the steps' condition numbers low,
# since round-off of sums in another order is multiplied by them.
SHORT: dict[str, dict[str, Any]] = {
    "adam-lbfgs": {"adam_steps": 7},
    "adam-ssbroyden": {"adam_steps": 7},
    "levenberg-marquardt-ssbroyden": {"lm_steps": 10},
    "gauss-newton-cg": {"damping": 1e-1, "tolerance": 1e-13, "iterations": 300},
    "engd": {"cutoff": 1e-2},
    "engd-w": {"damping": 1e-3},
    "spring": {"damping": 1e-3},
}


def problem() -> Problem:
    """Every way in which points are shared, or are not, and fewer points than processes."""
    domain = Box(x=(0, 1), t=(0, 1))
    at = {"x": [0.1, 0.3, 0.7], "t": [0.2, 0.9, 0.4]}
    return Problem(
        domain=domain,
        fields=("u", "v"),
        conditions={
            "heat": Condition(lambda u, k: u.t - k * u.xx, on=domain.interior),
            "drift": Condition(lambda u, v: (v.t + v.x, v.xx - u), on=domain.interior),
            "mean": Integral(lambda v: v, on=domain.interior, equals=0.25),
            "start": Initial(u=lambda x: torch.sin(torch.pi * x), on=domain.initial),
            "walls": Dirichlet(u=0, on=domain.face(x=(0, 1))),
            "ring": Periodic("v", on=domain.face(x=0), to=domain.face(x=1)),
            "data": Data(at, v=[1.0, 2.0, 3.0]),
            "gauge": Condition(lambda v: v - 1, on=Point(x=0.5, t=0.5)),
        },
        unknowns={"k": 0.5},
        reference=Exact(u=lambda x, t: torch.sin(torch.pi * x) * torch.exp(-t)),
    )


def module(optimizer: str, block: int, balance: str, sampler: str, start: str = "glorot") -> PINN:
    every = {} if sampler == "quadrature" else {"every": 5}
    return PINN(
        problem(),
        partial(MLP, width=6, depth=2),
        initializer=INITIALIZERS[start](),
        hard=False,
        block=block,
        optimizer=OPTIMIZERS[optimizer](**SHORT.get(optimizer, {})),
        balance=BALANCES[balance](),
        # Odd numbers, so that two shards differ in length.
        sampler=SAMPLERS[sampler](points=51, boundary_points=21, **every),
    )


def trained(case: tuple[Any, ...], processes: int, **options: Any) -> PINN:
    torch.set_default_dtype(torch.float64)
    one = module(*case)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice on loggers and workers
        trainer = pl.Trainer(
            accelerator="cpu",
            devices=processes,
            strategy="auto" if processes == 1 else "ddp",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            **{"max_steps": STEPS, **options},
        )
        trainer.fit(one)
    return one


def stopped(processes: int) -> dict[str, int]:
    """Steps at which clocks and targets end training, which must be one step on all ranks."""
    case = CASES[1]
    limit = trained(case, processes, max_steps=-1, max_epochs=-1, callbacks=[TimeLimit(0.3)])
    # A target that the first measurement reaches; the processes' clocks differ.
    measure = Measure(Comparison.of(problem(), 100), target=1e9, every_seconds=0.05)
    target = trained(case, processes, max_steps=-1, max_epochs=-1, callbacks=[measure])
    assert limit.progress.stopped_by == "max-seconds"
    assert target.progress.stopped_by == "target"
    return {"limit": limit.progress.step, "target": target.progress.step}


def main(out: str) -> None:
    found = {str(case): list(trained(case, 2).parameters()) for case in CASES}
    steps: list[Any] = [None, None]
    mine = stopped(2)
    torch.distributed.all_gather_object(steps, mine)
    if torch.distributed.get_rank() == 0:
        torch.save({"parameters": found, "steps": steps}, out)


if __name__ == "__main__":
    main(sys.argv[1])
