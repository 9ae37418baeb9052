"""Ours: with DeepXDE's plain branch, and with the principal components that are its default."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.operators.suite import (
    BASIS,
    BATCH,
    FUNCTIONS,
    LEARNING_RATE,
    WIDTH,
    Case,
    Contender,
)
from pdenet.networks import MLP
from pdenet.operators import CHANNELS, SENSORS
from pdenet.solvers import OperatorSolver


class _Plain(nn.Module):
    """A branch that sees values at sensors as they are."""

    def __init__(self, sensors: int) -> None:
        super().__init__()
        self.core = MLP(sensors, BASIS, width=WIDTH, depth=2)

    def forward(self, values: Tensor) -> Tensor:
        """Map (m, s) to (m, coefficients)."""
        return self.core(values)


def plain(case: Case) -> Contender:
    """The network that DeepXDE trains."""
    return _contender(case, replace_branch=True)


def encoded(case: Case) -> Contender:
    """The network of our defaults, of the same width and depth."""
    return _contender(case, replace_branch=False)


def _contender(case: Case, replace_branch: bool) -> Contender:
    torch.manual_seed(0)
    solver = OperatorSolver(
        case.problem,
        partial(MLP, width=WIDTH, depth=2),
        mode=case.mode,  # type: ignore[arg-type]
        basis=BASIS,
        branch_width=WIDTH,
        functions=FUNCTIONS,
        grid=100,
        dtype=torch.float32,
    )
    solver.prepare()
    residuals, model = solver.residuals, solver.residuals.model
    if replace_branch:
        model.branches["v"] = _Plain(case.seen.shape[1])
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
    x, seen, values, inputs = (
        torch.as_tensor(a) for a in (case.x, case.seen, case.values, case.inputs)
    )
    generator = torch.Generator().manual_seed(0)
    (name,) = residuals.conditions

    def batch(index: Tensor) -> dict[str, Mapping[str, Tensor]]:
        if case.mode == "data":
            ones = torch.ones(1)
            known = {"x": x, "values": values[index].T[..., None], "factor": ones}
        else:
            known = {"x": x, f"{CHANNELS}v": inputs[index].T[None]}
        return {SENSORS: {"v": seen[index]}, name: known}

    def train(steps: int) -> None:
        for _ in range(steps):
            index = torch.randperm(len(seen), generator=generator)[:BATCH]
            loss = residuals(batch(index))[name].square().mean()  # type: ignore[arg-type]
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    def predict(seen: np.ndarray, x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            found = model(torch.as_tensor(x), {"v": torch.as_tensor(seen)})
        return found[..., 0].T.numpy()

    return Contender(train, predict)
