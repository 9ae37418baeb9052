"""A solver's network at its start: structure and draw by an initializer, scalings around it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pdenet.linear_fit import LeastSquaresStart
from pdenet.networks import Factory, build_network
from pdenet.networks import initializers as drawing
from pdenet.networks.initializers import Glorot, Initializer
from pdenet.networks.layers import make_generator
from pdenet.problem import Problem
from pdenet.solvers.hard.parts import is_box
from pdenet.solvers.hard.plan import HardPlan
from pdenet.solvers.scales import output_scales

INITIALIZERS: dict[str, type[Initializer]] = {
    **drawing.INITIALIZERS,
    LeastSquaresStart.name: LeastSquaresStart,
}
"""Name on the command line -> class whose fields are its options."""

SAMPLE = 8192  # points by which patches outside the domain are told from others

__all__ = ["INITIALIZERS", "started_network"]


def started_network(
    problem: Problem,
    network: nn.Module | Factory,
    initializer: Initializer | None = None,
    *,
    plan: HardPlan | None = None,
    separate: bool = False,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> nn.Module:
    """A network that training starts from, without its hard conditions.

    Args:
        problem: The problem.
        network: A factory ``(inputs, outputs) -> nn.Module``, which gets scalings and periodic
            inputs put around it; or a module, taken as it is.
        initializer: Structure and draw; None is what networks draw by themselves.
        plan: Which conditions are imposed exactly, or None.
        separate: Whether each field has a network of its own.
        seed: Seed of the draws.
        dtype: Precision.

    Returns:
        Maps (n, coordinates) to (n, outputs).

    Raises:
        ValueError: The initializer does not suit the problem or the network.
    """
    initializer = Glorot() if initializer is None else initializer
    initializer.check_order(max(d.layout.order for d in problem.demands.values()))
    owned = isinstance(network, nn.Module)
    # A user's own module returns fields as they are.
    scales, means = ({}, {}) if owned else output_scales(problem, plan.imposed if plan else ())
    if not isinstance(network, nn.Module):
        network = initializer.structure(network, region_sample(problem))
    elif initializer.rebuilds:
        raise ValueError(
            f"Initializer {initializer.name!r} builds another network, which a ready module does "
            "not allow. Give a factory (inputs, outputs) -> module instead, such as "
            "functools.partial(MLP, width=64)."
        )
    built = build_network(
        network,
        coordinates=problem.coordinates,
        fields=problem.shapes,
        bounds=problem.domain.bounds,
        periodic=None if plan is None else plan.periodic,
        separate=separate,
        scale=scales,
        mean=means,
        seed=None if owned else seed,
        dtype=dtype,
    )
    if not initializer.own:
        initializer.draw(built, make_generator(seed))
    return built


def region_sample(problem: Problem) -> Tensor | None:
    """A sample of the domain in scaled inputs, shape (k, d); None where it is a box."""
    if is_box(problem.domain):
        return None
    points = problem.domain.sample(SAMPLE, seed=0)
    low, high = (
        torch.tensor([problem.domain.bounds[c][side] for c in problem.coordinates])
        for side in (0, 1)
    )
    return 2 * (points.x - low.to(points.x)) / (high - low).to(points.x) - 1
