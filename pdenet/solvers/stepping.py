"""Optimizers of a solver's phases, and the steps that are taken with them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pdenet.optim import Phase
from pdenet.solvers.distributed import distributed

BLOCK_SECONDS = 0.2  # a block of steps lasts no longer, so that callbacks and Ctrl-C stay prompt


def stepped_by_lightning(phases: Sequence[Phase], block: int) -> bool:
    """Whether the only optimizer is a first-order one that Lightning can step itself.

    Args:
        phases: Phases of the training.
        block: Steps a batch.

    Returns:
        Whether Lightning's automatic optimization does.
    """
    first = phases[0]
    plain = not first.fixed_points and first.steps is None and first.consumes == "gradient"
    return plain and len(phases) == 1 and block == 1


def optimizers_with_schedules(
    phases: Sequence[Phase],
    parameters: Sequence[nn.Parameter],
    linear: Callable[[], Sequence[nn.Parameter]],
) -> tuple[list[Optimizer], list[Any]]:
    """Every phase's optimizer, and the schedules of those that have one.

    Args:
        phases: Phases of the training.
        parameters: What is trained.
        linear: Finds those that rows are linear in; called if needed.

    Returns:
        Both lists, as Lightning takes them; schedules advance by step.
    """
    optimizers = [p.build_separated(parameters, linear) for p in phases]
    schedules = [p.scheduler(o) for p, o in zip(phases, optimizers, strict=True)]
    return optimizers, [{"scheduler": s, "interval": "step"} for s in schedules if s is not None]


def step_schedule(schedulers: Any, optimizer: Optimizer) -> None:
    """Advances an optimizer's schedule, if it has one.

    Args:
        schedulers: What Lightning's ``lr_schedulers()`` gives: a list, one, or None.
        optimizer: The optimizer at work.
    """
    for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
        if scheduler is not None and scheduler.optimizer is optimizer:
            scheduler.step()


def block_of_steps(advance: Callable[[], Tensor], trainer: pl.Trainer, block: int) -> Tensor:
    """Takes steps until a block is full, lasts too long, or the trainer shall stop.

    Args:
        advance: Takes one step and gives the loss.
        trainer: Whose limit of steps holds inside a block too.
        block: Steps at most.

    Returns:
        The last step's loss.
    """
    start, loss = time.perf_counter(), torch.zeros(())
    for _ in range(_allowed(trainer, block)):
        loss = advance()
        if trainer.should_stop:
            break
        # Ranks must leave together, and their clocks differ.
        if not distributed() and time.perf_counter() - start > BLOCK_SECONDS:
            break
    return loss


def _allowed(trainer: pl.Trainer, block: int) -> int:
    if trainer.max_steps < 0:
        return block
    return max(1, min(block, trainer.max_steps - trainer.global_step))
