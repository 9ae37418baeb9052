"""Runs with corrections: what a second network gains, how such runs go on, what is refused."""

from math import pi
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

import pdenet
from pdenet import Condition, Dirichlet, Initial, Problem, Solution
from pdenet.geometry import Box
from pdenet.problems.poisson_1d import poisson_1d
from pdenet.references import Exact
from pdenet.solvers.corrected_rows import Corrected

TINY: dict[str, Any] = {
    "solver": "pinn",
    "network": {"name": "mlp", "width": 8, "depth": 2},
    "sampler": {"name": "sobol", "points": 120, "every": 20},
    "optimizer": "levenberg-marquardt",
    "compile": "no",
    "corrections": 1,
}
DOMAIN = Box(x=(0, 1), t=(0, 1))


def heat() -> Problem:
    return Problem(
        domain=DOMAIN,
        fields="u",
        conditions={
            "heat": Condition(lambda u: u.t - 0.1 * u.xx, on=DOMAIN.interior),
            "start": Initial(u=lambda x: torch.sin(pi * x), on=DOMAIN.initial),
            "ends": Dirichlet(u=0, on=DOMAIN.face(x=(0, 1))),
        },
        reference=Exact(u=lambda x, t: torch.exp(-0.1 * pi**2 * t) * torch.sin(pi * x)),
    )


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> Solution:
    """Poisson's equation by two networks, written."""
    torch.set_default_dtype(torch.float64)
    out = tmp_path_factory.mktemp("runs") / "poisson"
    return pdenet.solve("poisson-1d", max_steps=80, out=out, **TINY)


def test_a_second_network_gains_two_orders(corrected: Solution) -> None:
    first, second = corrected.record.fits
    assert first["error"] < 1e-3
    # Two to four orders in six trials of other seeds and sizes.
    assert second["error"] < first["error"] / 100
    assert corrected.record.worst_error == second["error"]


def test_record_tells_of_both(corrected: Solution) -> None:
    record = corrected.record
    assert [(f["window"], f["correction"], f["steps"]) for f in record.fits] == [
        (0, 0, 40),
        (0, 1, 40),
    ]
    second = record.fits[1]
    assert set(second["frequency"]) == {"x"}
    assert 0 < second["scale"] < 1e-2
    assert 0 < second["residual"] < 1
    # Losses of both are in units of the problem, so that the curve goes on.
    assert record.curve.step == sorted(record.curve.step)
    assert record.fits[0]["loss"] > second["loss"] > 0
    assert record.parameters == sum(p.numel() for p in corrected.residuals.parameters())
    assert corrected.folder is not None
    assert "correction 1" in (corrected.folder / "report.html").read_text(encoding="utf-8")


def test_load_gives_the_sum_back(corrected: Solution) -> None:
    assert corrected.folder is not None
    assert isinstance(corrected.residuals.model, Corrected)
    again = pdenet.load(corrected.folder)
    x = torch.rand(50)
    assert torch.equal(again(x=x)["u"], corrected(x=x)["u"])


class StopIn(pl.Callback):
    """Interrupts the first network, or the correction, after some steps."""

    def __init__(self, correction: bool, step: int) -> None:
        self.correction, self.step = correction, step

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        here = isinstance(pl_module.residuals.model, Corrected)
        if here == self.correction and pl_module.progress.step >= self.step:
            pl_module.stop("interrupted", "a test asked for it")


@pytest.mark.parametrize("correction", [pytest.param(False, marks=pytest.mark.slow), True])
def test_resumed_equals_uninterrupted(tmp_path: Path, correction: bool) -> None:
    steps: dict[str, Any] = {**TINY, "max_steps": 10}
    whole = pdenet.solve("poisson-1d", **steps)
    stop = StopIn(correction, 3)
    part = pdenet.solve("poisson-1d", out=tmp_path / "part", callbacks=[stop], **steps)
    assert part.record.stopped_by == "interrupted"
    assert part.folder is not None
    assert isinstance(pdenet.load(part.folder).residuals.model, Corrected) == correction
    resumed = pdenet.resume(part.folder)
    assert resumed.record.stopped_by == "max-steps"
    x = torch.rand(50)
    assert torch.equal(resumed(x=x)["u"], whole(x=x)["u"])
    assert [f["steps"] for f in resumed.record.fits] == [5, 5]


@pytest.mark.slow
def test_each_window_is_corrected_before_the_next() -> None:
    found = pdenet.solve(heat(), windows=2, max_steps=48, **TINY)
    fits = found.record.fits
    assert [(f["window"], f["correction"]) for f in fits] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [f["steps"] for f in fits] == [12] * 4
    assert fits[1]["error"] < fits[0]["error"]
    assert fits[3]["error"] < fits[2]["error"]
    # The start is imposed by all networks.
    x = torch.linspace(0, 1, 9)
    torch.testing.assert_close(found(x=x, t=0.0)["u"], torch.sin(pi * x), rtol=0, atol=1e-14)


def test_corrections_are_for_errors_below_the_target() -> None:
    reached = pdenet.solve("poisson-1d", max_steps=8, **TINY)
    assert reached.record.verdict == "solved"
    assert len(reached.record.fits) == 2  # the problem's own target does not end training
    asked = pdenet.solve("poisson-1d", max_steps=12, target_error=0.5, **TINY)
    assert asked.record.stopped_by == "target"
    assert asked.record.fits == []  # reached by the first network


def test_auto_takes_a_solver_that_can_be_corrected() -> None:
    found = pdenet.solve("poisson-1d", **{**TINY, "solver": "auto", "max_steps": 4})
    assert found.record.solver["name"] == "pinn"
    assert any("correction was asked for" in reason for reason in found.record.chosen)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"corrections": -1}, "--corrections -1 must be 0 or more"),
        ({"corrections": 1.5}, "whole number"),
        ({"precision": 32, "target_error": 1e-3}, "--precision 64"),
        ({"solver": "deep-ritz"}, "--solver pinn"),
        ({"solver": "least-squares", "optimizer": "none"}, "--solver pinn"),
    ],
)
def test_bad_input(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    network = {} if "optimizer" not in options else {"network": "auto"}
    with pytest.raises(ValueError, match=message):
        pdenet.solve(poisson_1d(), out=tmp_path / "run", **{**TINY, **network, **options})
    assert not (tmp_path / "run").exists()
