"""The initializer that fits the last layer before training."""

from functools import partial

import pytest
import pytorch_lightning as pl
import torch

from pdenet import PINN
from pdenet.accuracy import Comparison
from pdenet.linear_fit import LeastSquaresStart
from pdenet.networks import MLP
from pdenet.optim import Adam
from pdenet.problems.klein_gordon import klein_gordon
from pdenet.problems.poisson_1d import poisson_1d
from pdenet.sampling import UniformSampler


def started(problem=None, steps: int = 1, dtype: torch.dtype = torch.float64, **arguments) -> PINN:
    problem = poisson_1d() if problem is None else problem
    solver = PINN(
        problem,
        partial(MLP, width=40, depth=1),
        sampler=UniformSampler(points=200, every=None),
        optimizer=(Adam(lr=1e-12),),
        dtype=dtype,
        **arguments,
    )
    trainer = pl.Trainer(
        max_steps=steps,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(solver)
    return solver


def error(solver: PINN) -> float:
    comparison = Comparison.of(solver.problem)
    assert comparison is not None
    return comparison.errors(solver.residuals)["u"].relative_l2


def test_training_starts_from_the_fit() -> None:
    wide = LeastSquaresStart(base="variance-scaling", R=3.0)
    plain, fitted = started(), started(initializer=wide)
    assert error(plain) > 0.5
    assert error(fitted) < 1e-8
    assert fitted.loss < 1e-10 * plain.loss


def test_single_precision_networks_are_fitted_too() -> None:
    start = LeastSquaresStart(base="variance-scaling", R=2.0)
    solver = started(dtype=torch.float32, initializer=start)
    assert next(solver.residuals.parameters()).dtype == torch.float32
    assert error(solver) < 1e-2  # rounded coefficients


def test_patches_and_problems_that_are_not_linear() -> None:
    start = LeastSquaresStart(base="partition-of-unity", patches=2, R=2.0)
    fitted = started(klein_gordon(), initializer=start)
    assert fitted.loss < 1e-2 * started(klein_gordon()).loss


def test_it_is_plain_data() -> None:
    start = LeastSquaresStart(base="variance-scaling", R=3.0)
    assert start.describe() == {
        "name": "least-squares",
        "output_scale": None,
        "base": "variance-scaling",
        "R": 3.0,
        "patches": None,
        "scaled": True,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"base": "zzz"}, "none of glorot"), ({"patches": 3}, "takes no patches")],
)
def test_bad_arguments_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LeastSquaresStart(**arguments)
