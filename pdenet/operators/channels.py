"""Input functions in a batch: values at sensors for the branches, channels for the residuals."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from pdenet.functions import Functions
from pdenet.jets import Demand, Jet
from pdenet.problem import Problem
from pdenet.residuals import Batch, input_jets

SENSORS = "values at sensors"
"""Key of a batch under which the functions' values at sensors are; no condition's name."""

CHANNELS = "channels of "
"""Keys of a batch under which input functions are: values and partials, shape (c, n, m)."""


@torch.no_grad()
def channels(
    problem: Problem, name: str, functions: Mapping[str, Functions], batch: Batch
) -> Batch:
    """Input functions at a condition's points, as its residual takes them.

    Args:
        problem: The problem.
        name: The condition.
        functions: Functions by input.
        batch: The condition's tensors.

    Returns:
        Values and demanded partials by key, shape (c, n, m).
    """
    jets = input_jets(problem, name, functions, batch)
    return {CHANNELS + n: jet.channels for n, jet in jets.items()}


def known_jets(demand: Demand, batch: Batch, turn: Callable[[Tensor], Tensor]) -> dict[str, Jet]:
    """Input functions that a batch holds, as jets.

    Args:
        demand: What the condition needs.
        batch: The condition's tensors.
        turn: Brings what the batch holds to the shape of a jet's channels.

    Returns:
        Jets by input.
    """
    held = {k.removeprefix(CHANNELS): v for k, v in batch.items() if k.startswith(CHANNELS)}
    return {n: Jet(demand.layouts[n], turn(value)) for n, value in held.items()}
