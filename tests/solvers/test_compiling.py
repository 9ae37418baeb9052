"""Compilation is an economy, never a condition: what cannot be compiled runs as it is."""

import shutil
import warnings

import pytest
import torch

from pdenet import PINN
from pdenet.catalogue import find
from pdenet.networks import MLP
from pdenet.sampling import UniformSampler
from pdenet.solvers.compiling import compiled_or_eager


def solver_of(name: str) -> PINN:
    def network(inputs: int, outputs: int) -> torch.nn.Module:
        return MLP(inputs, outputs, width=6, depth=2)

    solver = PINN(find(name).build(), network, sampler=UniformSampler(points=40, boundary_points=8))
    solver.drawing.at(0)
    return solver


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("c++") is None, reason="inductor needs a C++ compiler")
@pytest.mark.parametrize("name", ["burgers", "heat-multiscale", "kovasznay", "poisson-disks"])
def test_compiled_rows_equal_eager_ones(name: str) -> None:
    solver = solver_of(name)
    batch = solver.drawing.batch
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # inductor's own imports
        compiled = compiled_or_eager(solver.residuals, batch)
        assert compiled is not solver.residuals
        fast = compiled(batch)
    eager = {name: rows.detach() for name, rows in solver.residuals(batch).items()}
    for row, rows in eager.items():
        # The same operations in another order: round-off of float64.
        torch.testing.assert_close(
            fast[row].detach(), rows, rtol=1e-9, atol=1e-10 * float(rows.abs().max())
        )


def test_what_cannot_be_compiled_runs_eager(monkeypatch: pytest.MonkeyPatch) -> None:
    solver = solver_of("poisson-1d")

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no compiler here\nand more")

    monkeypatch.setattr(torch, "compile", lambda *_, **__: broken)
    with pytest.warns(UserWarning, match="no compiler here\\); training goes on"):
        rows = compiled_or_eager(solver.residuals, solver.drawing.batch)
    assert rows is solver.residuals
