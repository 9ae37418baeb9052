"""What a checkpoint says of the run that it belongs to, and the refusal of others' checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pdenet.networks.initializers import Glorot, Initializer, rebuilt
from pdenet.problem import Problem
from pdenet.solvers.distributed import distributed
from pdenet.solvers.start import INITIALIZERS


def identity(problem: Problem, seed: int) -> dict[str, Any]:
    """What must be the same for a run to go on.

    Args:
        problem: What is solved.
        seed: Seed of the points.

    Returns:
        Plain data: ``{problem, parameters, seed}``.
    """
    return {"problem": problem.name, "parameters": dict(problem.parameters), "seed": seed}


def saved_by(mine: Mapping[str, Any], checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Our part of a checkpoint.

    Args:
        mine: The identity of the run that goes on.
        checkpoint: Lightning's checkpoint.

    Returns:
        Plain data, and the balance's weights.

    Raises:
        ValueError: It belongs to another problem, or is none of ours.
    """
    saved = checkpoint.get("pdenet")
    theirs = None if saved is None else {name: saved[name] for name in mine}
    if saved is None or theirs != mine:
        came = None if theirs is None else tuple(theirs.values())
        raise ValueError(
            f"The checkpoint belongs to ({', '.join(mine)}) = {came}, but this run "
            f"solves {tuple(mine.values())}; resume with the same problem, parameters and seed."
        )
    return saved


def initializer_to_follow(saved: Mapping[str, Any], mine: Initializer) -> Initializer | None:
    """The initializer of the network that a checkpoint's parameters belong to.

    Args:
        saved: Its description.
        mine: Where the network of the run that goes on came from.

    Returns:
        The initializer by which that network is built anew; None where it is there already.

    Raises:
        ValueError: The run that goes on asks for another one.
    """
    asked = mine.describe()
    if saved == asked:
        return None
    if asked != Glorot().describe():
        raise ValueError(
            f"The checkpoint's network starts from {saved}, but this run's from {asked}; "
            "resume with the same initializer, or with none."
        )
    return rebuilt(saved, INITIALIZERS)


def weights_to_keep(saved: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """The balance's weights of the last step, where they are this process's too.

    Args:
        saved: Weights by condition, one each or one for each point.
        device: Where the network is.

    Returns:
        The weights; none where they are those of the first rank's points.
    """
    if distributed() and any(w.ndim for w in saved.values()):
        return {}
    return {name: w.to(device) for name, w in saved.items()}
