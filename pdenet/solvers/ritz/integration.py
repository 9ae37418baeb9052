"""What an energy is on finer rules than the training points: how far to trust it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pdenet.energy import Energy, Rayleigh
from pdenet.geometry import Points
from pdenet.problem import Problem
from pdenet.residuals import Residuals

FINER = (4, 8)  # times as many points: the energy is taken of the last, their difference its error
LEAST, MOST = 4_000, 60_000
ROUGH = 0.01  # of the energy: an error of 10 per cent in the energy norm
SHARE = 1e-6  # of the energy: an error of about 1e-3 in the energy norm


def integrals(residuals: Residuals, points: Mapping[str, Points]) -> dict[str, Tensor]:
    """Integrals of an energy at points.

    Args:
        residuals: Network with its problem.
        points: Points of every integral.

    Returns:
        By name, shape (k,), in float64 on the CPU.
    """
    rows = residuals.in_chunks(points)
    return {
        name: points[name].weight.double() @ row.to("cpu", torch.float64).reshape(len(row), -1)
        for name, row in rows.items()
    }


def finer(problem: Problem, points: Mapping[str, Points], times: int) -> dict[str, Points]:
    """Rules with several times as many points as training has.

    Args:
        problem: A problem with an energy.
        points: Training points of every integral.
        times: How many times.

    Returns:
        Rules by integral.
    """
    assert problem.energy is not None
    sizes = {n: min(MOST, max(LEAST, times * len(points[n]))) for n in problem.energy.terms}
    least = LEAST * times // FINER[0]  # two rules shall differ also where training has few points
    return {n: c.on.quadrature(max(least, sizes[n])) for n, c in problem.energy.terms.items()}


def energy_indicators(residuals: Residuals, points: Mapping[str, Points]) -> dict[str, Any]:
    """Energy at the training points and on finer rules, with the minimum where it is known.

    Args:
        residuals: Network with its problem, which has an energy.
        points: The last training points.

    Returns:
        ``value``, its ``integration_error`` on the finest rule, ``at_training_points``, and where
        the minimum is known ``exact`` and ``gap``, value less minimum.
    """
    problem = residuals.problem
    energy = problem.energy
    assert energy is not None
    mine = {name: points[name] for name in energy.terms}
    at_points = float(energy.value(integrals(residuals, mine)))
    rules = [finer(problem, mine, times) for times in FINER]
    rough, fine = (float(energy.value(integrals(residuals, rule))) for rule in rules)
    found = {
        "value": fine,
        "integration_error": abs(fine - rough),
        "at_training_points": at_points,
    }
    exact = known_minimum(problem)
    if exact is not None:
        found |= {"exact": exact, "gap": fine - exact}
    return found


def known_minimum(problem: Problem) -> float | None:
    """The minimum of a problem's energy, where somebody gave it."""
    energy = problem.energy
    if isinstance(energy, Energy):
        return energy.exact
    if isinstance(energy, Rayleigh) and len(energy.exact) >= energy.states:
        return math.fsum(energy.exact[: energy.states])
    return None


def remarks(found: Mapping[str, Any], conforming: bool) -> list[str]:
    """What an energy says about the answer, one sentence each.

    Args:
        found: What :func:`energy_indicators` returned.
        conforming: Whether all essential conditions are imposed by the network's form.

    Returns:
        Sentences; none where there is nothing to say.
    """
    value, error, at_points = (
        found[n] for n in ("value", "integration_error", "at_training_points")
    )
    said = []
    # Twice the finer rule's own error, and round-off, mean nothing.
    doubt = 2 * error + 1e-12 * abs(value)
    if error > ROUGH * abs(value):
        said.append(
            f"Finer rules give energies that differ by {error:.1e}: the field is rough between the "
            "points. More points, or fresh ones, help."
        )
    elif value - at_points > max(doubt, SHARE * abs(value)):
        said.append(
            f"The energy at the training points, {at_points:.6g}, is {value - at_points:.1e} below "
            f"that of a finer rule, {value:.6g}: the network has found the gaps between the "
            "points. More points, or fresh ones, help."
        )
    if "gap" in found:
        said.append(_against_minimum(found, doubt, conforming))
    return said


def _against_minimum(found: Mapping[str, Any], doubt: float, conforming: bool) -> str:
    value, exact, gap = found["value"], found["exact"], found["gap"]
    said = f"Energy {value:.8g}, the minimum is {exact:.8g}: "
    if gap < -doubt and conforming:
        return said + (
            f"{-gap:.1e} below it, which no admissible field can be. The integrals or the stated "
            "minimum are wrong."
        )
    if gap < -doubt:
        return said + f"{-gap:.1e} below it, since given values are not met exactly."
    if abs(gap) <= doubt:
        return said + f"equal within the integration error of {doubt:.1e}."
    return said + f"{gap:.1e} above it."
