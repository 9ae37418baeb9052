"""The training step under a stock Trainer: the loss, blocks, phases, stock callbacks, trouble."""

import copy
import csv
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import (
    EarlyStopping,
    LearningRateMonitor,
    ModelCheckpoint,
    StochasticWeightAveraging,
)
from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from torch import Tensor

from pdenet import PINN, Condition, Data, Dirichlet, Initial, Integral, Problem
from pdenet.balancing import Static
from pdenet.geometry import Box
from pdenet.networks import MLP
from pdenet.optim import LBFGS, OPTIMIZERS, Adam, Broyden, NonFiniteError, Phase, Stopping
from pdenet.residuals import tensors
from pdenet.sampling import SAMPLERS
from pdenet.solvers import stepping

TINY = partial(MLP, width=5, depth=2)
DOMAIN = Box(x=(0, 1), t=(0, 1))


def heat() -> Problem:
    return Problem(
        domain=DOMAIN,
        fields=("u", "v"),
        conditions={
            "heat": Condition(lambda u, v: (u.t - u.xx, v.t - v.xx - u), on=DOMAIN.interior),
            "start": Initial(u=lambda x: torch.sin(torch.pi * x), v=0.5, on=DOMAIN.initial),
            "ends": Dirichlet(u=0, on=DOMAIN.face(x=(0, 1))),
            "mass": Integral(lambda v: v, on=DOMAIN.final, equals=2.0),
        },
    )


def pinn(problem: Problem | None = None, optimizer: Any = "adam", **arguments: Any) -> PINN:
    phases = OPTIMIZERS[optimizer]() if isinstance(optimizer, str) else optimizer
    arguments = {"sampler": sampler(), "hard": False, **arguments}
    return PINN(problem or heat(), TINY, optimizer=phases, **arguments)


def sampler(kind: str = "uniform", **arguments: Any) -> Any:
    every = {} if kind == "quadrature" else {"every": 4}
    return SAMPLERS[kind](**{"points": 24, "boundary_points": 8, **every, **arguments})


def fit(module: pl.LightningModule, steps: int = -1, **options: Any) -> pl.Trainer:
    quiet = dict.fromkeys(
        ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False
    )
    checkpoint = options.pop("ckpt_path", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice on loggers and workers
        trainer = pl.Trainer(max_steps=steps, accelerator="cpu", **{**quiet, **options})
        trainer.fit(module, ckpt_path=checkpoint, weights_only=checkpoint and True)
    return trainer


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    return all(map(torch.equal, one.parameters(), other.parameters()))


# -- the loss ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["uniform", "quadrature"])
def test_the_loss_is_half_the_weighted_sum_of_mean_squares(kind: str) -> None:
    factors = {"start": 10.0, "mass": 3.0}
    module = pinn(sampler=sampler(kind), balance=Static(weights=factors))
    before = copy.deepcopy(module.residuals)
    fit(module, 1)

    points = module.points
    like = next(before.model.parameters())
    rows = before({n: tensors(c, points[n], like) for n, c in before.conditions.items()})
    expected, terms = 0.0, {}
    for name, r in rows.items():
        squares = r.detach().square().reshape(len(r), -1).sum(1)
        # Random points: a plain mean. A rule: its weights; an integral has but one row.
        w = points[name].weight if kind == "quadrature" and len(r) > 1 else torch.ones(len(r))
        terms[name] = float((w * squares).sum() / w.sum())
        expected += 0.5 * factors.get(name, 1.0) * terms[name]
    assert module.loss == pytest.approx(expected, rel=1e-12)  # round-off
    assert module.terms == pytest.approx(terms, rel=1e-12)
    if kind == "quadrature":
        assert len(points["heat"].weight.unique()) > 1


def test_a_step_of_adam_moves_by_the_learning_rate() -> None:
    module = pinn(optimizer=(Adam(lr=0.01, decay="constant"),))
    before = [p.detach().clone() for p in module.parameters()]
    fit(module, 1)
    # Adam's first step is lr times the sign of the gradient, up to eps = 1e-12.
    pairs = zip(module.parameters(), before, strict=True)
    moved = torch.cat([(a - b).detach().abs().flatten() for a, b in pairs])
    torch.testing.assert_close(moved, torch.full_like(moved, 0.01), rtol=1e-6, atol=0)


def test_points_change_as_the_sampler_says() -> None:
    seen: list[Tensor] = []

    class Look(pl.Callback):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
            seen.append(pl_module.points["heat"].x)

    fit(pinn(), 8, callbacks=[Look()])
    assert [x is seen[0] for x in seen] == [True] * 4 + [False] * 4
    assert not torch.equal(seen[0], seen[4])


def test_unknown_constants_are_found() -> None:
    rod = Box(x=(0, 3))
    x = torch.linspace(0, 3, 30)
    problem = Problem(
        domain=rod,
        fields="u",
        conditions={
            "wave": Condition(lambda u, k: k * u.xx + u, on=rod.interior),
            "data": Data({"x": x}, u=torch.sin(2 * x)),
        },
        unknowns={"k": 1.0},
    )
    module = pinn(problem, (Broyden(),), sampler=sampler(points=64))
    fit(module, 150)
    # u'' = -4 u; the loss is about 1e-5 by then, and so is the square of the error.
    assert float(module.residuals.unknowns["k"].detach()) == pytest.approx(0.25, rel=0.03)


# -- blocks and phases -------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "lbfgs", "adam-ssbroyden"])
def test_blocks_equal_single_steps_bit_for_bit(
    optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stepping, "BLOCK_SECONDS", float("inf"))
    more = {"adam_steps": 6} if optimizer == "adam-ssbroyden" else {}
    arguments = {"adam": {"decay_every": 3, "warmup": 2}}.get(optimizer, more)
    single, block = (
        pinn(optimizer=OPTIMIZERS[optimizer](**arguments), block=size) for size in (1, 4)
    )
    assert single.automatic_optimization == (optimizer in {"adam", "adamw"})
    assert not block.automatic_optimization
    trainers = [fit(module, 15) for module in (single, block)]
    assert same(single, block)
    assert [t.global_step for t in trainers] == [15, 15]
    assert (single.progress.step, block.progress.step) == (15, 15)
    # Callbacks see blocks: three of four and one of three.
    assert trainers[1].fit_loop.epoch_loop.batch_progress.total.completed == 4


def test_phases_take_turns() -> None:
    names: list[str] = []

    class Look(pl.Callback):
        def on_train_batch_start(self, trainer: Any, pl_module: Any, *_: Any) -> None:
            names.append(pl_module.phase.name)

    phases: tuple[Phase, ...] = (Adam(steps=3), LBFGS(steps=2), Adam(steps=2, lr=1e-4))
    module = pinn(optimizer=phases)
    fit(module, callbacks=[Look()])
    assert names == ["adam"] * 3 + ["lbfgs"] * 2 + ["adam"] * 2
    assert module.progress.stopped_by == "max-steps"
    assert module.progress.stop_reason == "adam took its 2 steps"


def test_fixed_points_stay_for_their_phase() -> None:
    seen: list[Tensor] = []

    class Look(pl.Callback):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
            seen.append(pl_module.points["heat"].x)

    fit(pinn(optimizer=(Adam(steps=6), LBFGS(steps=9, resample_every=6))), callbacks=[Look()])
    new = [k for k in range(15) if k == 0 or not torch.equal(seen[k], seen[k - 1])]
    # The sampler changes every 4 steps, L-BFGS every 6 of its own: at step 6, where the sampler
    # still hands out the set of step 4, and at step 12.
    assert new == [0, 4, 12]


def test_an_optimizer_that_is_done_ends_training() -> None:
    rod = Box(x=(0, 1))
    problem = Problem(
        domain=rod, fields="u", conditions={"it": Condition(lambda u: u, on=rod.interior)}
    )
    module = pinn(problem, (LBFGS(stopping=Stopping(gradient=1e-4)),), block=10)
    trainer = fit(module, 1000)
    assert module.progress.stopped_by == "converged"
    assert trainer.global_step < 1000
    assert module.progress.stop_reason.startswith("converged: largest entry")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [({"optimizer": ()}, "at least one phase"), ({"block": 0}, "one step a block")],
)
def test_bad_arguments(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        pinn(**arguments)


# -- stock callbacks and options ---------------------------------------------------------------


class GradientNorms(pl.Callback):
    """Norms of the gradients that the optimizer got; they stay until the next batch."""

    def __init__(self) -> None:
        self.norms: list[float] = []

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        squares = [p.grad.square().sum() for p in pl_module.parameters() if p.grad is not None]
        self.norms.append(float(torch.stack(squares).sum().sqrt()))


def test_gradients_are_clipped() -> None:
    free, clipped = GradientNorms(), GradientNorms()
    fit(pinn(), 3, callbacks=[free])
    fit(pinn(), 3, callbacks=[clipped], gradient_clip_val=1e-2)
    assert min(free.norms) > 1e-2
    assert clipped.norms == pytest.approx([1e-2] * 3, rel=1e-3)  # torch adds 1e-6 to the norm


def test_gradients_are_accumulated() -> None:
    module = pinn(optimizer=(Adam(decay="constant"),))
    trainer = fit(module, 3, accumulate_grad_batches=2)
    assert (trainer.global_step, module.progress.step) == (3, 6)
    # The sampler hands out each set four times: both halves of the first step see the same points,
    # and the mean of two equal gradients is that gradient.
    first: list[list[Tensor]] = []

    class Keep(pl.Callback):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
            if trainer.global_step == 1:
                first.append([p.detach().clone() for p in pl_module.parameters()])

    fit(pinn(optimizer=(Adam(decay="constant"),)), 1, callbacks=[Keep()])
    options: dict[str, Any] = {"callbacks": [Keep()], "accumulate_grad_batches": 2}
    fit(pinn(optimizer=(Adam(decay="constant"),)), 1, **options)
    torch.testing.assert_close(first[0], first[1])


@pytest.mark.parametrize("options", [{"gradient_clip_val": 1.0}, {"accumulate_grad_batches": 2}])
@pytest.mark.parametrize("arguments", [{"optimizer": "adam-lbfgs"}, {"block": 5}])
def test_options_that_need_automatic_optimization_are_refused(
    options: dict[str, Any], arguments: dict[str, Any]
) -> None:
    with pytest.raises(MisconfigurationException, match=next(iter(options))):
        fit(pinn(**arguments), 1, **options)


def test_checkpoints_logs_and_learning_rates(tmp_path: Path) -> None:
    keep = ModelCheckpoint(tmp_path, every_n_train_steps=4, save_top_k=-1, filename="{step}")
    logger = CSVLogger(tmp_path, name="log", version=0, flush_logs_every_n_steps=1)
    phases = (Adam(lr=0.1, decay_rate=0.5, decay_every=1),)
    module = pinn(optimizer=phases)
    fit(
        module,
        9,
        callbacks=[keep, LearningRateMonitor()],
        logger=logger,
        enable_checkpointing=True,
        log_every_n_steps=1,
    )
    assert {p.name for p in tmp_path.glob("*.ckpt")} == {"step=4.ckpt", "step=8.ckpt"}
    with (tmp_path / "log" / "version_0" / "metrics.csv").open() as file:
        lines = list(csv.DictReader(file))
    losses = [float(line["loss"]) for line in lines if line["loss"]]
    rates = [float(line["lr-Adam"]) for line in lines if line["lr-Adam"]]
    assert len(losses) == 9
    assert losses[-1] == pytest.approx(module.loss, rel=1e-6)  # logged in single precision
    assert rates == pytest.approx([0.1 * 0.5**k for k in range(9)])
    # A stock checkpoint goes on where it was written.
    again = pinn(optimizer=phases)
    fit(again, 9, ckpt_path=tmp_path / "step=4.ckpt")
    assert same(module, again)


@pytest.mark.parametrize("block", [1, 3])
def test_checkpoints_hold_tensors_and_plain_data(tmp_path: Path, block: int) -> None:
    module = pinn(heat().named("heat", {"k": 2.0}), seed=7, block=block)
    trainer = fit(module, 4)
    trainer.save_checkpoint(tmp_path / "it.ckpt")
    saved = torch.load(tmp_path / "it.ckpt", weights_only=True)["pdenet"]
    assert (saved["problem"], saved["parameters"], saved["seed"]) == ("heat", {"k": 2.0}, 7)
    assert saved["progress"]["step"] == 4


def test_stopping_early_and_averaging_weights() -> None:
    stop = EarlyStopping("loss", patience=2, min_delta=1e9, check_on_train_epoch_end=True)
    trainer = fit(pinn(steps_per_epoch=2), callbacks=[stop], max_epochs=50)
    assert trainer.global_step == 6
    # It averages over epochs 1 to 3 of a copy of the module.
    averaging = StochasticWeightAveraging(swa_lrs=1e-3, swa_epoch_start=1)
    module = pinn(steps_per_epoch=2, optimizer=(Adam(decay="constant"),))
    fit(module, callbacks=[averaging], max_epochs=4)
    assert all(p.isfinite().all() for p in module.parameters())


def test_the_users_own_module_is_trained_in_place() -> None:
    network = MLP(2, 2, width=4, depth=1)
    before = network.hidden[0].weight.detach().clone()
    module = PINN(heat(), network, hard=False, sampler=sampler())
    fit(module, 2)
    assert not torch.equal(network.hidden[0].weight, before)


def test_single_precision() -> None:
    module = pinn(dtype=torch.float32, optimizer="adam-ssbroyden", block=3)
    fit(module, 3)
    assert {p.dtype for p in module.parameters()} == {torch.float32}
    assert module(torch.rand(4, 2, dtype=torch.float32)).dtype == torch.float32


# -- trouble -----------------------------------------------------------------------------------


def broken(after: float) -> Problem:
    """The residual is not a number where a field is larger than a number."""

    def pole(u: Any) -> Any:
        return torch.where(u > after, torch.nan, u - 10)

    return Problem(
        domain=DOMAIN,
        fields="u",
        conditions={
            "good": Condition(lambda u: u.t, on=DOMAIN.interior),
            "pole": Condition(pole, on=DOMAIN.interior),
        },
    )


@pytest.mark.parametrize("block", [1, 4])
def test_nan_names_the_step_and_the_term(block: int) -> None:
    module = pinn(broken(1.0), (Adam(lr=0.1, decay="constant"),), block=block)
    with pytest.raises(NonFiniteError, match=r"Step \d+ \(adam\): the residual of 'pole'") as error:
        fit(module, 200)
    assert f"Step {module.progress.step} " in str(error.value)
    assert 0 < module.progress.step < 200


def test_a_line_search_comes_back_from_nan() -> None:
    module = pinn(broken(1.0), "lbfgs")
    fit(module, 10)
    # It minimizes (u - 10)^2 up to the pole at u = 1, and never steps over it.
    assert torch.isfinite(torch.tensor(module.loss))
    assert module.loss < 0.5 * 9.5**2


def test_nan_at_the_start_of_a_line_search_names_the_term() -> None:
    module = pinn(broken(-1e9), "lbfgs")
    with pytest.raises(NonFiniteError, match=r"Step 0 \(lbfgs\): the residual of 'pole'"):
        fit(module, 3)
