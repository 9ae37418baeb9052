"""Operators learn from data, equations, or both; steps are pure functions of their number."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from pdenet import Condition, Dirichlet, Problem, load, resume, solve
from pdenet.accuracy import Comparison
from pdenet.conditions import OperatorData
from pdenet.functions import ChebyshevSeries, InputFunction, Samples
from pdenet.geometry import Interval
from pdenet.networks import MLP
from pdenet.networks.initializers import PartitionOfUnity
from pdenet.operator_errors import OperatorError, operator_error
from pdenet.optim import OPTIMIZERS, Adam
from pdenet.references import ExactOperator
from pdenet.run.fit import Fit, fit
from pdenet.run.setup import Run
from pdenet.sampling import UniformSampler
from pdenet.selection import Part
from pdenet.selection.operators import is_affine
from pdenet.settings import PARTS, Settings
from pdenet.solvers import OperatorSolver

LINE = Interval(x=(0, 1))
SPACE = ChebyshevSeries(LINE, 2)
SMALL: dict[str, Any] = {
    "basis": 6,
    "branch": "linear",
    "functions": 20,
    "function_batch": 8,
    "grid": 12,
    "data_batch": 5,
}
NEWTON = (replace(OPTIMIZERS["ssbroyden"]()[0], steps=60),)


def double(reference: bool = True, **more: Any) -> Problem:
    """u' = v with u(0) = 0 for quadratic v: a linear operator."""
    return Problem(
        domain=LINE,
        fields="u",
        inputs={"v": InputFunction(SPACE, sensors=7)},
        conditions={
            "slope": Condition(lambda u, v: u.x - v, on=LINE),
            "start": Dirichlet(u=0, on=LINE.face(x=0)),
        },
        reference=ExactOperator(("v",), ("x",), u=_integral) if reference else None,
        **more,
    )


def _integral(v: Any, x: torch.Tensor) -> torch.Tensor:
    nodes, weights = (torch.as_tensor(a) for a in np.polynomial.legendre.leggauss(4))
    values = v(x=(x[:, None] * (nodes + 1) / 2).reshape(-1)).reshape(len(x), 4, -1)
    return x[:, None] / 2 * torch.einsum("k,nkm->nm", weights, values)


def solver(problem: Problem, steps: int = 300, **more: Any) -> OperatorSolver:
    arguments = {
        **SMALL,
        "sampler": UniformSampler(points=16),
        "optimizer": (Adam(lr=1e-2, steps=steps),),
        **more,
    }
    return OperatorSolver(problem, partial(MLP, width=10, depth=1), **arguments)


def trained(module: OperatorSolver) -> float:
    trainer = pl.Trainer(
        max_epochs=-1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
    )
    trainer.fit(module)
    comparison = Comparison.of(module.problem)
    assert comparison is not None
    return comparison.errors(module.residuals)["u"].relative_l2


@pytest.mark.parametrize("mode", ["data", "physics", "both"])
def test_learns_a_linear_operator(mode: str) -> None:
    # Untrained networks are wrong by about one; 60 steps over all functions leave 0.6 % at most.
    assert trained(solver(double(), mode=mode, optimizer=NEWTON)) < 0.02


def test_learns_with_modes_of_the_data() -> None:
    # Three modes hold all outputs of a two-dimensional space: what is left is round-off.
    assert trained(solver(double(), pod=True, basis=3, optimizer=NEWTON)) < 1e-10


def test_learns_with_windows_in_the_trunk() -> None:
    module = solver(double(), initializer=PartitionOfUnity(patches=2), optimizer=NEWTON)
    assert trained(module) < 0.02


def test_learns_from_measured_outputs_at_points_of_their_own() -> None:
    rng = np.random.default_rng(0)
    coefficients, x = rng.uniform(-1, 1, (30, 2)), rng.random((30, 9))
    sides = np.linspace(0, 1, 6)
    inputs = coefficients[:, :1] + coefficients[:, 1:] * sides
    outputs = coefficients[:, :1] * x + coefficients[:, 1:] * x**2 / 2
    space = Samples({"x": sides}, inputs)
    problem = Problem(
        domain=LINE,
        fields="u",
        inputs={"v": InputFunction(space, sensors=sides)},
        conditions={"measured": OperatorData({"x": x}, u=outputs)},
    )
    module = solver(problem, functions=24, function_batch=24, basis=4, optimizer=NEWTON)
    with pytest.raises(AssertionError):  # points differ, so that there is no common comparison
        trained(module)
    model = module.residuals.model
    unseen = space.unseen(6)
    grid = torch.linspace(0, 1, 9)[:, None]
    found = model(grid, {"v": unseen(torch.as_tensor(sides)[:, None]).T})[..., 0].T
    c = torch.as_tensor(coefficients[24:])
    exact = c[:, :1] * grid.T + c[:, 1:] * grid.T**2 / 2
    assert operator_error(found.detach(), exact, torch.ones(9)).relative_l2 < 0.1


def test_measured_outputs_held_back_are_compared_with() -> None:
    rng = np.random.default_rng(0)
    slopes, sides = rng.uniform(-1, 1, (20, 1)), np.linspace(0, 1, 5)
    problem = Problem(
        domain=LINE,
        fields="u",
        inputs={"v": InputFunction(Samples({"x": sides}, slopes * sides), sensors=sides)},
        conditions={"measured": OperatorData({"x": sides}, u=slopes * sides)},
    )
    assert trained(solver(problem, basis=2, functions=16, optimizer=NEWTON)) < 0.02


def test_an_epoch_takes_every_function_once() -> None:
    module = solver(double(), mode="physics", function_batch=5)
    seen = []
    for step in range(4):
        module.drawing.at(step)
        seen.append(module.drawing.batch["values at sensors"]["v"])
    taken, everything = torch.cat(seen), module.ensemble.seen["v"]
    assert sorted(taken[:, 0].tolist()) == sorted(everything[:, 0].tolist())
    module.drawing.at(1)
    assert torch.equal(module.drawing.batch["values at sensors"]["v"], seen[1])


def test_steps_that_compare_losses_see_everything() -> None:
    module = solver(double(), mode="both")
    module.drawing.whole = True
    module.drawing.at(0)
    rows = module.residuals(module.drawing.batch)
    assert len(rows["data"]) == 20 * 12
    assert len(rows["slope"]) == 20 * 16
    assert not module.drawing.at(0)
    means = [module.drawing.mean_square(n, r) for n, r in rows.items()]
    plain = [r.square().mean() for r in rows.values()]
    torch.testing.assert_close(torch.stack(means), torch.stack(plain))


OPTIONS: dict[str, Any] = {
    "network": {"name": "mlp", "width": 6, "depth": 1},
    "optimizer": {"name": "adam-lbfgs", "adam_steps": 4},
    "compile": "no",
}


@pytest.mark.parametrize("mode", ["data", "physics", "both"])
def test_resumed_run_is_the_uninterrupted_one(mode: str) -> None:
    method = {"name": "deeponet", "mode": mode, **SMALL}
    kinds = {"network": OPTIONS["network"], "optimizer": OPTIONS["optimizer"], "solver": method}

    def trained_to(steps: int, before: Fit | None = None) -> Fit:
        settings = Settings({"name": "double"}, max_steps=steps, compile="no", **kinds)
        parts = {kind: Part.parse(kind, getattr(settings, kind)) for kind in PARTS}
        return fit(Run(double(), parts, settings), before and before.checkpoint)

    whole, stopped = trained_to(7), trained_to(3)
    # Within Adam, and once more within the quasi-Newton phase.
    parts = trained_to(7, trained_to(6, stopped))
    assert whole.solver.progress.step == parts.solver.progress.step == 7
    state = parts.solver.residuals.state_dict()
    for name, value in whole.solver.residuals.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_run_folder_is_resumed_loaded_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = {"name": "deeponet", "mode": "both", **SMALL}
    with monkeypatch.context() as patched:  # figures are drawn once, at the end
        patched.setattr("pdenet.run.folder.write_report", lambda *_: None)
        solve(double(), max_steps=3, out=tmp_path / "parts", solver=method, **OPTIONS)
    parts = resume(tmp_path / "parts", double(), max_steps=5)
    assert parts.record.steps == 5
    loaded = load(tmp_path / "parts", double())
    one = loaded.at(v=lambda x: torch.cos(x))
    torch.testing.assert_close(one(x=[0.3, 0.6])["u"], parts.at(v=torch.cos(
        loaded.problem.inputs["v"].x[:, 0]))(x=[0.3, 0.6])["u"])  # fmt: skip
    assert loaded.record.errors is not None
    assert loaded.record.errors["u"].keys() >= {"deviation", "median", "ninetieth", "worst"}
    names = {p.stem for p in (tmp_path / "parts" / "figures").iterdir()}
    assert {"inputs", "solution-typical", "solution-worst", "spread", "training"} <= names
    assert "on finer points" in (tmp_path / "parts" / "report.html").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match=r"solution\.at\(v=\.\.\.\)"):
        loaded(x=[0.3])
    with pytest.raises(ValueError, match="given already"):
        one.at(v=1.0)


def test_errors_are_means_over_functions() -> None:
    exact = torch.tensor([[1.0, 1.0], [2.0, 2.0], [0.0, 0.0]])
    error = operator_error(exact + torch.tensor([[0.1], [0.4], [0.5]]), exact, torch.ones(2))
    assert isinstance(error, OperatorError)
    assert error.relative_l2 == pytest.approx((0.1 + 0.2 + 0.5 * 2**0.5) / 3)
    assert error.plain()["worst"] == pytest.approx(0.5 * 2**0.5)
    assert error.plain()["median"] == pytest.approx(0.2)


def test_affine_equations_are_told() -> None:
    assert is_affine(double())
    bent = {"slope": Condition(lambda u, v: u.x - v + 1e-3 * u**2, on=LINE)}
    product = {"slope": Condition(lambda u, v: (v * u).x + 1, on=LINE)}
    for conditions in (bent, product):
        problem = double(reference=False)
        other = Problem(domain=LINE, fields="u", inputs=problem.inputs, conditions=conditions)
        assert not is_affine(other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mode": "sometimes"}, "auto, data, physics or both"),
        ({"branch": "mlpp"}, "must be one of"),
        ({"basis": 0}, "basis"),
        ({"functions": 1}, "functions"),
        ({"components": 0}, "components"),
        ({"pod": True, "mode": "physics"}, "mode='data'"),
        ({"pod": True, "basis": 13}, "fewer basis functions"),
    ],
)
def test_bad_arguments_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        solver(double(), **change).prepare()


def test_what_is_missing_is_said() -> None:
    with pytest.raises(ValueError, match="needs data"):
        solver(double(reference=False), mode="data")
    assert solver(double(reference=False)).mode == "physics"
    plain = Problem(domain=LINE, fields="u", conditions={"a": Dirichlet(u=0, on=LINE.face(x=0))})
    with pytest.raises(ValueError, match="no input functions"):
        solver(plain)
    with pytest.raises(ValueError, match="give a factory"):
        OperatorSolver(double(), MLP(1, 6), **SMALL)
