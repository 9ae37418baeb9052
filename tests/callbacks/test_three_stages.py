"""Two layers from a small start: plateau, descent, plateau, with neurons that condense."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import SGD

from pdenet import PINN, Condition, Problem
from pdenet.callbacks import LazyOrRich, TrainingStages
from pdenet.geometry import Interval
from pdenet.sampling import UniformSampler

Train = Callable[..., pl.Trainer]


class TwoLayers(nn.Module):
    """Fifty tanh neurons, all weights normal of one size."""

    def __init__(self, size: float) -> None:
        super().__init__()
        self.inner, self.last = nn.Linear(1, 50), nn.Linear(50, 1, bias=False)
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(size * torch.randn(p.shape, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.tanh(self.inner(x)))


class Plain(PINN):
    """Gradient descent, as the theory has it."""

    def configure_optimizers(self) -> Any:
        return SGD(self.parameters(), lr=0.05)


def fitting(size: float) -> Plain:
    domain = Interval(x=(-1, 1))

    def misfit(u: Any, x: Any) -> Any:
        return u - torch.sin(math.pi * x) - 0.3 * torch.sin(3 * math.pi * x)

    conditions = {"fit": Condition(misfit, on=domain.interior)}
    problem = Problem(domain=domain, fields="u", conditions=conditions)
    return Plain(problem, TwoLayers(size), sampler=UniformSampler(points=64, every=None))


@pytest.mark.slow
def test_a_small_start_gives_three_stages(train: Train) -> None:
    stages = TrainingStages(every=50)
    train(fitting(1e-3), stages, steps=2000)
    assert [s.name for s in stages.stages] == ["initial plateau", "descent", "plateau"]
    first, descent, last = stages.stages
    # Amplitudes grow from 1e-6 by a factor e in 1 / (rate |f|), some tens of steps.
    assert 80 < first.end < 400
    assert descent.end < 800
    # Beneath the first plateau the neurons turn into one line; in the last one they rest.
    assert first.moving
    assert not last.moving
    assert stages.history[0]["condensation"] < 0.8
    assert stages.history[-1]["condensation"] > 0.99


@pytest.mark.slow
def test_a_large_start_has_no_plateau_to_begin_with(train: Train) -> None:
    stages, regime = TrainingStages(every=50), LazyOrRich(every=50)
    train(fitting(1.0), stages, regime, steps=300)
    assert stages.stages[0].name == "descent"
    assert stages.history[-1]["condensation"] < 0.95
    assert regime.history[-1]["relative_movement"] < 0.5
