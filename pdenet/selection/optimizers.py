"""What `auto` stands for as an optimizer, by the sizes that decide what a step costs."""

from __future__ import annotations

import torch
from torch import nn

from pdenet.networks import Factory
from pdenet.problem import Problem
from pdenet.selection.parts import Choice

# A step of Levenberg-Marquardt forms J^T J or J J^T: below this it takes a fifth of a second on two
# cores. In trials of ten seconds on four problems of this size it was ahead of Adam with the
# quasi-Newton method on each; after a minute it is ahead of its own hand-over to that method on
# five of six problems, behind on kovasznay (benchmarks/tables/time-to-error.md).
CHEAP = 1e10
DENSE = 10_000  # parameters: an inverse Hessian of 0.8 GB


def choose_optimizer(parameters: int, rows: int) -> Choice:
    """The optimizer for a network and rows of residuals of these numbers.

    Args:
        parameters: Number of trained parameters.
        rows: Number of points inside, times equations at each.

    Returns:
        Its name, its arguments, and the reason.

    Example:
        >>> choose_optimizer(1297, 3000)[0]
        'levenberg-marquardt'
        >>> choose_optimizer(200_000, 3000)[0]
        'adam-lbfgs'
    """
    work = parameters * rows * min(parameters, rows)
    sizes = f"since for {parameters} parameters and {rows} residuals"
    cost = f"a step on the whole Jacobian takes {work / 1e9:.1f} GFLOP"
    if work <= CHEAP and parameters <= DENSE:
        return "levenberg-marquardt", {}, f"{sizes} {cost} and gets far"
    if parameters <= DENSE:
        reason = f"{sizes} {cost}: Adam finds the basin and a quasi-Newton method converges in it"
        return "adam-ssbroyden", {"adam_steps": 400}, reason
    return (
        "adam-lbfgs",
        {},
        f"since a dense matrix of {parameters} parameters takes "
        f"{8 * parameters**2 / 2**30:.1f} GiB",
    )


def count_parameters(network: nn.Module | Factory, problem: Problem) -> int:
    """Trained parameters of a network for a problem, about: embeddings may add a few.

    Args:
        network: A module, or a function (inputs, outputs) -> module.
        problem: The problem.

    Returns:
        Their number.
    """
    if not isinstance(network, nn.Module):
        with torch.random.fork_rng(devices=[]):  # as if it had not been built
            network = network(len(problem.coordinates), problem.outputs)
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
