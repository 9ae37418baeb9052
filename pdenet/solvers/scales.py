"""Typical sizes of the fields, from the values that a problem prescribes."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from pdenet.conditions import Condition, Data, Dirichlet, Initial, prescribed_values
from pdenet.problem import Problem

SAMPLES = 256

# Values that are all but zero are the tail of a field whose size they do not tell: a peak seen
# from the boundary. Scaled by them the network could never reach it.
TAIL = 1e-8


def output_scales(
    problem: Problem, imposed: Collection[str]
) -> tuple[dict[str, float], dict[str, float]]:
    """What a network's outputs are multiplied by, and what is added to them.

    Args:
        problem: The problem.
        imposed: Conditions that are imposed exactly. Their values come in by the lift, so that
            nothing is added to a field that has such a condition.

    Returns:
        Scale and mean by field; left out where a problem prescribes no values, one value only, or
        nothing but a tail.
    """
    scales, means = {}, {}
    for field in problem.shapes:
        found = {n: _values(c, field) for n, c in problem.conditions.items()}
        known = {n: values for n, values in found.items() if values is not None}
        if not known:
            continue
        values = torch.cat(list(known.values()))
        mean = 0.0 if known.keys() & set(imposed) else float(values.mean())
        size = float((values - mean).abs().max())
        if size > TAIL:
            scales[field], means[field] = size, mean
    return scales, means


def _values(condition: Condition, field: str) -> Tensor | None:
    """Prescribed or measured values of a field, flat; None where a condition gives none."""
    if isinstance(condition, Data):
        return condition.columns.get(field)
    if not isinstance(condition, Dirichlet | Initial) or field not in condition.values:
        return None
    points = condition.on.sample(SAMPLES, seed=0)
    return prescribed_values(condition.values[field], points).reshape(-1)
