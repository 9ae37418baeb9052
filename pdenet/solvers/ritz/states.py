"""Eigenvalues and eigenfunctions of a trained Rayleigh quotient."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from pdenet.energy import Rayleigh
from pdenet.geometry import Points
from pdenet.metrics import best_combination
from pdenet.residuals import Residuals
from pdenet.solvers.ritz.integration import FINER, finer, integrals
from pdenet.solvers.ritz.shapes import States

ORIENTATION_POINTS = 4_000


def eigenvalues(
    residuals: Residuals, energy: Rayleigh, points: Mapping[str, Points]
) -> dict[str, tuple[float, float | None]]:
    """Eigenvalues on a finer rule than the training points, and the exact ones where known.

    Args:
        residuals: Network with its problem.
        energy: Its quotient.
        points: The last training points.

    Returns:
        Pairs by name.
    """
    rule = finer(residuals.problem, {n: points[n] for n in energy.terms}, FINER[-1])
    values, _ = energy.levels(integrals(residuals, rule))
    exact = [*energy.exact, *[None] * energy.states]
    triples = zip(energy.level_names, values, exact, strict=False)
    return {name: (float(value), known) for name, value, known in triples}


@torch.no_grad()
def settle_states(residuals: Residuals, energy: Rayleigh, points: Mapping[str, Points]) -> None:
    """Combines a network's outputs to orthonormal eigenfunctions, oriented like the reference.

    Without a reference, signs are such that the integrals of the states are positive.

    Args:
        residuals: Network with its problem.
        energy: Its quotient.
        points: The last training points.
    """
    problem, model = residuals.problem, residuals.model
    assert isinstance(model, States)
    training = model.training
    model.train()  # outputs as they are
    rule = finer(problem, {n: points[n] for n in energy.terms}, FINER[0])
    _, mixing = energy.levels(integrals(residuals, rule))
    spots = problem.domain.quadrature(ORIENTATION_POINTS)
    like = model.mixing
    free = model(spots.x.to(like)).to("cpu", torch.float64) @ mixing
    if problem.reference is not None:
        columns = {name: spots[name] for name in problem.coordinates}
        (exact,) = problem.reference(**columns).values()
        mixing = mixing @ best_combination(free, exact.reshape(len(free), -1), spots.weight)
    else:
        total = spots.weight @ free
        mixing = mixing * torch.where(total < 0, -1.0, 1.0)
    like.copy_(mixing)
    model.train(training)
