"""The top call: what it refuses, why it stops, what it writes, and what brings a run back."""

import json
import shutil
from collections.abc import Callable
from math import pi
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import nn

import pdenet
from pdenet import Condition, Dirichlet, Problem, Solution
from pdenet.geometry import Interval
from pdenet.networks import MLP
from pdenet.optim import Adam
from pdenet.record import Record
from pdenet.references import Exact
from pdenet.run.folder import new_folder
from pdenet.sampling import SobolSampler

ROD = Interval(x=(0, 1))
TINY: dict[str, Any] = {
    "network": {"name": "mlp", "width": 4, "depth": 1},
    "sampler": {"name": "uniform", "points": 16},
    "optimizer": "adam",
    "compile": "no",
    "max_steps": 4,
}


def poisson(residual: Callable[..., Any] | None = None, **more: Any) -> Problem:
    return Problem(
        domain=ROD,
        fields="u",
        conditions={
            "equation": Condition(
                residual or (lambda u, x: u.xx + pi**2 * torch.sin(pi * x)), on=ROD.interior
            ),
            "ends": Dirichlet(u=0, on=ROD.boundary),
        },
        **{"reference": Exact(u=lambda x: torch.sin(pi * x)), **more},
    )


def solved(problem: str | Problem = "poisson-1d", **options: Any) -> Solution:
    return pdenet.solve(problem, **{**TINY, **options})


class StopAt(pl.Callback):
    """Ends training as Ctrl-C does."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        if pl_module.progress.step >= self.step:
            pl_module.stop("interrupted", "asked to")


# -- why it stops ------------------------------------------------------------------------------


def test_nan_is_a_failed_run_with_a_record(tmp_path: Path) -> None:
    problem = poisson(lambda u: torch.where(u > 5, torch.nan, u - 50), name="broken")
    steps = (Adam(lr=0.1, decay="constant"),)
    solution = solved(problem, optimizer=steps, max_steps=500, out=tmp_path / "run")
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    assert record["stopped_by"] == "nan"
    assert record["verdict"] == "failed"
    assert record["errors"] is None
    assert f"Step {record['steps']} (adam): the residual of 'equation'" in record["reasons"][0]
    assert 0 < record["steps"] < 500
    assert solution.record.stopped_by == "nan"
    names = {p.name for p in (tmp_path / "run").iterdir()}
    assert {"config.yaml", "checkpoint.ckpt", "record.json", "metrics.csv"} <= names
    again = pdenet.load(tmp_path / "run", problem=problem, parts={"optimizer": steps})
    assert again.record.verdict == "failed"


@pytest.mark.parametrize("max_steps", [1, 50, 200])
def test_a_gradient_that_is_no_number_is_a_failed_run(max_steps: int, tmp_path: Path) -> None:
    # The loss is finite, the gradient of the root of 0 times 0 is not.
    problem = poisson(lambda u: torch.sqrt(0 * u) + u, name="root")
    solution = solved(problem, max_steps=max_steps, out=tmp_path / "run")
    assert solution.record.stopped_by == "nan"
    assert solution.record.verdict == "failed"


def test_a_residual_without_a_value_somewhere_is_said_so() -> None:
    # Undefined at a few of 4000 fresh points, and at none of 16 training points.
    def residual(u: Any, x: Any) -> Any:
        return u.xx + torch.sqrt(x - 1e-3)

    record = solved(poisson(residual)).record
    assert record.indicators["fresh"]["equation"] == float("inf")
    assert json.loads(record.to_json())["indicators"]["fresh"]["equation"] is None


def test_the_target_ends_training() -> None:
    record = solved(target_error=1e9, max_steps=1000).record
    assert (record.stopped_by, record.verdict) == ("target", "solved")
    assert record.steps < 1000
    # The verdict is against the target asked for, not the problem's.
    assert record.errors is not None
    assert record.worst_error is not None
    assert record.worst_error < 1e9


def test_time_ends_training() -> None:
    record = solved(max_steps=None, max_seconds=0.3).record
    assert record.stopped_by == "max-seconds"
    assert record.steps > 0
    assert record.seconds["training"] + record.seconds["evaluation"] >= 0.3


def test_steps_end_training() -> None:
    record = solved(max_steps=7).record
    assert (record.stopped_by, record.steps) == ("max-steps", 7)
    assert record.curve.step[-1] == 7
    assert record.verdict == "failed"
    phases = solved(optimizer=(Adam(steps=3),), max_steps=1000).record
    assert (phases.stopped_by, phases.steps) == ("max-steps", 3)


def test_without_a_reference_the_verdict_is_doubtful() -> None:
    record = solved(poisson(reference=None)).record
    assert (record.verdict, record.errors, record.reference) == ("doubtful", None, None)
    assert "no reference" in record.reasons[-1]


# -- what it takes -----------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_solution() -> None:
    x = torch.linspace(0, 1, 5)
    first, again, other = (solved(seed=seed)(x=x)["u"] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_single_precision() -> None:
    solution = solved(precision=32)
    assert solution(x=0.5)["u"].dtype == torch.float32
    assert solution.record.precision == 32


def test_single_precision_is_refused_where_it_cannot_reach_the_target() -> None:
    with pytest.raises(ValueError, match="--precision 64"):
        solved(precision=32, target_error=1e-7)


def test_the_record_tells_what_an_optimizer_decided() -> None:
    record = solved(solver="pinn", optimizer="levenberg-marquardt").record
    assert record.optimizer["resample_every"] == 20
    assert any("16 rows" in line for line in record.chosen if "levenberg-marquardt: " in line)


def test_ready_parts(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Linear(1, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    sampler = SobolSampler(points=8)
    parts = {"network": network, "sampler": sampler}
    solution = solved(**parts, out=tmp_path / "run")
    assert solution.record.network == {"name": "Sequential"}
    x = torch.linspace(0, 1, 5)
    with pytest.raises(ValueError, match=r"parts=.*network"):
        pdenet.load(tmp_path / "run")
    fresh = nn.Sequential(nn.Linear(1, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    again = pdenet.load(tmp_path / "run", parts={"network": fresh, "sampler": SobolSampler()})
    assert torch.equal(again(x=x)["u"], solution(x=x)["u"])


def test_callbacks_and_numbers_of_numpy(tmp_path: Path) -> None:
    class Count(pl.Callback):
        batches = 0

        def on_train_batch_end(self, *_: Any) -> None:
            self.batches += 1

    count = Count()
    optimizer = {"name": "adam", "lr": np.float64(1e-2)}
    parameters = {"frequency": np.int64(2)}
    solution = pdenet.solve(
        "poisson-1d",
        **{**TINY, "optimizer": optimizer},
        parameters=parameters,
        callbacks=[count],
        out=tmp_path / "run",
    )
    assert count.batches > 0
    assert solution.record.problem["parameters"] == {"frequency": 2}
    assert pdenet.load(tmp_path / "run").problem.parameters == {"frequency": 2}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_step": 3}, r"unknown keys \['max_step'\]"),
        ({"max_steps": "many"}, "whole number"),
        ({"seed": -1}, "--seed"),
        ({"network": "mpl"}, "Did you mean 'mlp'"),
        ({"network": MLP(2, 1)}, "should map"),
        ({"network": lambda i, o: 3}, "should take"),
        ({"optimizer": ()}, "at least one phase"),
        ({"balance": {"name": "static", "weights": {"wall": 1.0}}}, "wall"),
        ({"sampler": {"name": "uniform", "counts": {"wall": 3}}}, "wall"),
        ({"balance": "causal"}, "time"),
        ({"windows": 2}, "needs a problem in time"),
        ({"parameters": {"k": 1}}, "no parameter 'k'"),
        ({"network": {"name": "mlp", "activation": torch.tanh}}, "cannot hold|activation"),
    ],
)
def test_refused_before_anything_is_written(
    options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=said):
        solved(**options, out=tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_weights_of_imposed_conditions_do_no_harm() -> None:
    balance = {"name": "static", "weights": {"ends": 10.0}}
    assert solved(poisson(), balance=balance).record.steps == 4


# -- the folder --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder that nobody changes."""
    torch.set_default_dtype(torch.float64)
    return solved(out=tmp_path_factory.mktemp("runs") / "run").folder  # type: ignore[return-value]


@pytest.fixture
def copied(run: Path, tmp_path: Path) -> Path:
    """A run folder to spoil."""
    return Path(shutil.copytree(run, tmp_path / "copy"))


def test_new_folders_get_numbers(tmp_path: Path) -> None:
    wanted = tmp_path / "deep" / "run"
    assert [new_folder(wanted).name for _ in range(3)] == ["run", "run-2", "run-3"]
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot be written"):
        new_folder(tmp_path / "file" / "run")
    # A file in the way is not overwritten either.
    assert new_folder(tmp_path / "file").name == "file-2"


def test_load_gives_solution_and_record_back(run: Path) -> None:
    solution = pdenet.load(run)
    assert solution.record.to_json() == Record.load(run / "record.json").to_json()
    assert solution.folder == run
    assert solution.problem.name == "poisson-1d"
    assert pdenet.load(str(run)).record.steps == 4


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("record.json", b"{}", "not a record"),
        ("checkpoint.ckpt", None, "cannot be read"),
        ("checkpoint.ckpt", b"garbage", "cannot be read .* --config"),
        ("config.yaml", None, "not a run folder"),
        ("config.yaml", b"problem: [", "cannot be read as YAML"),
        ("config.yaml", b"problem: poisson-9d\n", "no problem 'poisson-9d'"),
        ("config.yaml", b"problem: poisson-1d\nnetwork: {name: mlp, width: 5}\n", "does not fit"),
        ("config.yaml", b"problem: poisson-1d\nseed: 3\n", "does not fit|belongs to"),
        (
            "config.yaml",
            b"problem: {name: poisson-1d, frequency: 3}\n"
            b"network: {name: mlp, width: 4, depth: 1}\n",
            "belongs to",
        ),
    ],
)
@pytest.mark.parametrize("bring_back", [pdenet.load, pdenet.resume])
def test_damaged_folders(
    copied: Path, name: str, content: bytes | None, said: str, bring_back: Callable[..., Any]
) -> None:
    path = copied / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    before = {p: p.read_bytes() for p in copied.rglob("*") if p.is_file()}
    with pytest.raises(ValueError, match=said):
        bring_back(copied)
    assert {p: p.read_bytes() for p in copied.rglob("*") if p.is_file()} == before


def test_checkpoints_without_our_data_are_refused(copied: Path) -> None:
    torch.save({"state_dict": {}}, copied / "checkpoint.ckpt")
    with pytest.raises(ValueError, match="cannot be read"):
        pdenet.load(copied)


def test_problems_of_a_script_are_given_again(tmp_path: Path) -> None:
    problem = poisson(name="mine")
    solution = solved(problem, out=tmp_path / "run")
    with pytest.raises(ValueError, match=r"no problem 'mine'.*problem=\.\.\."):
        pdenet.load(tmp_path / "run")
    again = pdenet.load(tmp_path / "run", problem=poisson(name="mine"))
    assert torch.equal(again(x=0.3)["u"], solution(x=0.3)["u"])
    with pytest.raises(ValueError, match="belongs to"):
        pdenet.load(tmp_path / "run", problem=poisson(name="yours"))


# -- going on ----------------------------------------------------------------------------------


def test_resumed_equals_uninterrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pdenet.run.setup.BLOCK", 3)
    optimizer = {"name": "adam-ssbroyden", "adam_steps": 6}
    whole = solved(optimizer=optimizer, max_steps=20)
    stopped = solved(optimizer=optimizer, max_steps=20, callbacks=[StopAt(5)], out=tmp_path / "run")
    assert stopped.record.stopped_by == "interrupted"
    resumed = pdenet.resume(tmp_path / "run")
    for a, b in zip(resumed.residuals.parameters(), whole.residuals.parameters(), strict=True):
        assert torch.equal(a, b)
    record = Record.load(tmp_path / "run" / "record.json")
    assert (record.steps, record.stopped_by) == (20, "max-steps")
    assert record.curve.step == sorted(set(record.curve.step))
    assert record.seconds["training"] > stopped.record.seconds["training"]


def test_resume_with_nothing_left_to_do(copied: Path) -> None:
    before = pdenet.load(copied)
    after = pdenet.resume(copied)
    assert after.record.steps == 4
    assert torch.equal(after(x=0.3)["u"], before(x=0.3)["u"])
    assert after.record.errors == before.record.errors


def test_resume_with_more_steps_and_wrong_options(copied: Path) -> None:
    assert pdenet.resume(copied, max_steps=6).record.steps == 6
    assert pdenet.load(copied).record.steps == 6
    with pytest.raises(ValueError, match="unknown keys"):
        pdenet.resume(copied, max_step=9)
