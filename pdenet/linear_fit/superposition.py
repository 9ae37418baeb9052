"""Whether a problem, or what of it, is linear: found by superposition."""

from __future__ import annotations

import weakref
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pdenet.geometry import Points
from pdenet.linear_fit.last_layer import coefficients
from pdenet.networks import RandomFeatures, build_network
from pdenet.problem import Problem
from pdenet.residuals import Residuals

POINTS = 20
TOLERANCE = 1e-9  # relative; rows of fields of order one have round-off of 1e-13 or so
STEPS = (-3.0, 0.5, 10.0)


def is_linear(problem: Problem) -> bool:
    """Whether all residual rows are affine in the fields and in unknown constants.

    Args:
        problem: The problem.

    Returns:
        True if they are.

    Example:
        >>> from pdenet.problems.burgers import burgers
        >>> from pdenet.problems.wave_1d import wave_1d
        >>> is_linear(wave_1d()), is_linear(burgers())
        (True, False)
    """
    return affine_conditions(problem) == set(problem.conditions)


_FOUND: weakref.WeakKeyDictionary[Problem, frozenset[str]] = weakref.WeakKeyDictionary()


@torch.no_grad()
def affine_conditions(problem: Problem) -> frozenset[str]:
    """Conditions whose residual rows are affine in the fields and in unknown constants.

    Random smooth fields u and v are superposed: rows at ``u + s v`` must lie on the line through
    those at u and at ``u + v``. It is a trial at points, not a proof: terms that are nine orders
    smaller than others pass for none.

    Args:
        problem: The problem.

    Returns:
        Their names.

    Example:
        >>> from pdenet.problems.burgers import burgers
        >>> sorted(affine_conditions(burgers()))
        ['ends', 'start']
    """
    if problem not in _FOUND:
        residuals, points = _random_fields(problem)
        _FOUND[problem] = frozenset(_affine(residuals, points, coefficients(residuals)))
    return _FOUND[problem]


@torch.no_grad()
def zero_solves(problem: Problem) -> bool:
    """Whether fields that vanish satisfy all conditions, as of an eigenvalue problem.

    Args:
        problem: The problem.

    Returns:
        True if all rows are zero at points.
    """
    residuals, points = _random_fields(problem)
    for p in coefficients(residuals):
        p.zero_()
    return not any(bool(rows.any()) for rows in residuals.in_chunks(points).values())


def _random_fields(problem: Problem) -> tuple[Residuals, dict[str, Points]]:
    model = build_network(
        lambda n, m: RandomFeatures(n, m, width=32, scale=3.0),
        coordinates=problem.coordinates,
        fields=problem.shapes,
        bounds=problem.domain.bounds,
        seed=0,
        dtype=torch.float64,
    )
    residuals = Residuals(problem, model)
    points = {
        name: c.on.quadrature(POINTS) if c.integral else c.on.sample(POINTS, seed=1)
        for name, c in problem.conditions.items()
    }
    return residuals, points


def _affine(
    residuals: Residuals, points: Mapping[str, Points], free: list[nn.Parameter]
) -> set[str]:
    generator = torch.Generator().manual_seed(0)
    start = [p.clone() for p in free]
    step = [torch.randn(p.shape, generator=generator, dtype=p.dtype) for p in free]

    def rows(s: float) -> dict[str, Tensor]:
        for p, a, b in zip(free, start, step, strict=True):
            p.copy_(a + s * b)
        return residuals.in_chunks(points)

    first, second = rows(0.0), rows(1.0)
    affine = set(first)
    for s in STEPS:
        found = rows(s)
        affine -= {n for n in affine if not _on_line(s, first[n], second[n], found[n])}
    return affine


def _on_line(s: float, first: Tensor, second: Tensor, found: Tensor) -> bool:
    size = abs(s) * float((second - first).abs().max())
    gap = float((found - first - s * (second - first)).abs().max())
    return gap <= TOLERANCE * max(size, 1e-3 * float(first.abs().max()))
