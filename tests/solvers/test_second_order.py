"""Phases that consume a Jacobian: what the solver hands them, and what they reach with it."""

import warnings
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from pdenet import PINN, Condition, Dirichlet, Initial, Integral, Periodic, Problem
from pdenet.accuracy import Comparison
from pdenet.balancing import BALANCES, Static
from pdenet.geometry import Box
from pdenet.linear_fit import fit_last_layer
from pdenet.networks import MLP
from pdenet.optim import OPTIMIZERS, Broyden, LevenbergMarquardt, NonFiniteError
from pdenet.problems.poisson_1d import poisson_1d
from pdenet.sampling import SAMPLERS

DOMAIN = Box(x=(0, 1), t=(0, 1))


def every_kind() -> Problem:
    """Several equations at a point, pairs, an integral, and an unknown constant."""
    return Problem(
        domain=DOMAIN,
        fields=("u", "v"),
        conditions={
            "heat": Condition(lambda u, v, k: (u.t - k * u.xx, v.t - v.xx - u), on=DOMAIN.interior),
            "start": Initial(u=lambda x: torch.sin(torch.pi * x), v=0.5, on=DOMAIN.initial),
            "ends": Dirichlet(u=0, on=DOMAIN.face(x=(0, 1))),
            "ring": Periodic("v", on=DOMAIN.face(x=0), to=DOMAIN.face(x=1)),
            "mass": Integral(lambda v: v, on=DOMAIN.final, equals=2.0),
        },
        unknowns={"k": 0.5},
    )


def pinn(problem: Problem | None = None, optimizer: Any = None, **arguments: Any) -> PINN:
    given = {"sampler": SAMPLERS["uniform"](points=24, boundary_points=8), "hard": False}
    network = arguments.pop("network", partial(MLP, width=5, depth=2))
    return PINN(
        every_kind() if problem is None else problem,
        network,
        optimizer=(LevenbergMarquardt(),) if optimizer is None else optimizer,
        **{**given, **arguments},
    )


def fit(module: PINN, steps: int) -> pl.Trainer:
    quiet = dict.fromkeys(
        ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice on loggers and workers
        trainer = pl.Trainer(max_steps=steps, accelerator="cpu", **quiet)  # type: ignore[arg-type]
        trainer.fit(module)
    return trainer


def error(module: PINN) -> float:
    comparison = Comparison.of(module.problem)
    assert comparison is not None
    return max(e.relative_l2 for e in comparison.errors(module.residuals).values())


# -- the linearization -------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", ["uniform", "quadrature"])
@pytest.mark.parametrize("balance", ["static", "residual-attention", "gradient-norm"])
def test_the_linearization_is_that_of_the_loss(balance: str, sampler: str) -> None:
    weights = BALANCES[balance](weights={"start": 7.0, "mass": 3.0})
    points = SAMPLERS[sampler](points=24, boundary_points=8)
    module = pinn(balance=weights, sampler=points)
    linear = module.linearization()
    # Weights that a balance has given stay as long as the points do.
    loss = module._loss()
    gradients = torch.autograd.grad(loss, module._trained(), allow_unused=True)
    gradient = torch.cat([g.flatten() for g in gradients if g is not None])
    assert linear.loss == pytest.approx(float(loss.detach()), rel=1e-12)  # round-off
    assert linear.z is not None
    assert 0.5 * float(linear.z @ linear.z) == pytest.approx(linear.loss, rel=1e-12)
    torch.testing.assert_close(linear.gradient, gradient, rtol=1e-10, atol=1e-12)
    assert linear.evaluate() == pytest.approx(linear.loss, rel=1e-12)
    torch.testing.assert_close(linear.residuals(), linear.z, rtol=1e-12, atol=1e-14)

    jacobian, z = linear.dense()
    assert z is linear.z
    assert jacobian.shape == linear.shape
    v = torch.linspace(-1, 1, linear.shape[1])
    w = torch.linspace(-1, 2, linear.shape[0])
    torch.testing.assert_close(linear.normal(), jacobian.T @ jacobian, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(linear.jvp(v), jacobian @ v, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(linear.vjp(w), w @ jacobian, rtol=1e-10, atol=1e-12)
    block = torch.stack((v, v**2), dim=1)
    expected = jacobian.T @ (jacobian @ block)
    torch.testing.assert_close(linear.products(block), expected, rtol=1e-10, atol=1e-12)


def test_rows_follow_the_parameters() -> None:
    module = pinn()
    linear = module.linearization()
    assert linear.z is not None
    v = torch.linspace(-1, 1, linear.shape[1])
    at = torch.nn.utils.parameters_to_vector(module._trained()).detach()
    moved = []
    for h in (1e-4, -1e-4):
        torch.nn.utils.vector_to_parameters(at + h * v, module._trained())
        moved.append(linear.residuals())
    # Central differences: error h^2 = 1e-8 times third derivatives.
    torch.testing.assert_close((moved[0] - moved[1]) / 2e-4, linear.jvp(v), rtol=1e-5, atol=1e-6)


# -- training ----------------------------------------------------------------------------------


def few_points(points: int = 120) -> Any:
    return SAMPLERS["uniform"](points=points, every=20)


def test_levenberg_marquardt_solves_poisson_to_eight_digits() -> None:
    network = partial(MLP, width=20, depth=2)
    module = pinn(poisson_1d(), hard=True, network=network, sampler=few_points())
    fit(module, 170)
    assert error(module) < 2e-8
    assert module.notes[0].startswith("levenberg-marquardt: kernel, since 120 rows are fewer")


@pytest.mark.parametrize(
    ("name", "options", "steps", "reached"),
    [
        ("engd", {}, 25, 1e-4),
        ("engd-w", {"damping": 1e-6}, 20, 1e-3),
        ("spring", {"damping": 1e-6, "rate": 0.5}, 60, 1e-2),
        ("gauss-newton-cg", {}, 30, 1e-3),
        ("variable-projection", {}, 15, 1e-5),
        ("levenberg-marquardt-ssbroyden", {"lm_steps": 20}, 60, 1e-5),
    ],
)
def test_every_sequence_trains(
    name: str, options: dict[str, Any], steps: int, reached: float
) -> None:
    module = pinn(
        poisson_1d(),
        OPTIMIZERS[name](**options),
        hard=True,
        network=partial(MLP, width=8, depth=2),
        sampler=few_points(60),
    )
    fit(module, steps)
    assert error(module) < reached


def test_projection_leaves_what_least_squares_of_the_last_layer_would() -> None:
    module = pinn(poisson_1d(), OPTIMIZERS["variable-projection"](), sampler=few_points(60))
    fit(module, 1)
    (report,) = fit_last_layer(module.residuals, module.points, most=1, linear=True, scaled=False)
    assert 0 < report.before < 100
    # The residual is flat there: round-off of the coefficients enters squared.
    assert report.after == pytest.approx(report.before, rel=1e-9)


def test_the_hand_over_starts_from_curvature() -> None:
    phases = (LevenbergMarquardt(steps=8), Broyden(start="gauss-newton", log_loss=True))
    module = pinn(optimizer=phases)
    trainer = fit(module, 12)
    assert trainer.global_step == 12
    assert module.phase.name == "ssbroyden2"
    assert "ssbroyden2: starts from the damped Gauss-Newton inverse" in module.notes


def test_fresh_points_keep_the_damping() -> None:
    dampings: list[float] = []

    class Look(pl.Callback):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:  # type: ignore[override]
            dampings.append(pl_module._optimizer_list[0].optimizer.damping)

    module = pinn(
        optimizer=(LevenbergMarquardt(resample_every=3),),
        sampler=SAMPLERS["uniform"](points=24, boundary_points=8, every=3),
    )
    quiet = dict.fromkeys(
        ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pl.Trainer(max_steps=9, accelerator="cpu", callbacks=[Look()], **quiet).fit(module)  # type: ignore[arg-type]
    # At steps 3 and 6 points are new: the damping goes on, no step starts over.
    assert all(b < 100 * a for a, b in pairwise(dampings))
    assert dampings[-1] < dampings[0]


def test_single_precision_stops_at_its_own_floor() -> None:
    module = pinn(poisson_1d(), hard=True, dtype=torch.float32, sampler=few_points())
    fit(module, 60)
    # Round-off of second derivatives in float32 is about 1e-5 of the source.
    assert module.loss < 1e-4
    assert all(p.dtype == torch.float32 for p in module.parameters())


def test_residuals_that_are_not_finite_are_named() -> None:
    rod = Box(x=(0, 1))
    problem = Problem(
        domain=rod,
        fields="u",
        conditions={"pole": Condition(lambda u, x: u.x / (0 * x), on=rod.interior)},
    )
    with pytest.raises(NonFiniteError, match="'pole'"):
        fit(pinn(problem), 3)


def test_weights_of_balances_that_read_gradients_are_settled_before_the_rows() -> None:
    module = pinn(balance=Static(weights={"ends": 4.0}))
    heavy = module.linearization()
    light = pinn().linearization()
    assert heavy.loss > light.loss
