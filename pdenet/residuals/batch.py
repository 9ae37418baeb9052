"""What a condition's residual takes at its points: tensors, and input functions with partials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.conditions import Condition
from pdenet.functions import Functions
from pdenet.geometry import Points
from pdenet.jets import Jet, propagate
from pdenet.problem import Problem

Batch = dict[str, Tensor]
"""What one condition needs at its points: ``x``, for pairs ``x_to``, ``weight``, normals, data."""


def tensors(condition: Condition, points: Points, like: Tensor) -> Batch:
    """What a condition's residual takes, on the network's device and in its precision.

    Args:
        condition: The condition.
        points: Its points.
        like: Tensor whose dtype and device are taken.

    Returns:
        Tensors by name.
    """
    points = points.to(dtype=like.dtype, device=like.device)
    batch = {"x": points.x, "weight": points.weight, **condition.data(points)}
    if points.normals is not None:
        batch |= {f"n{name}": points[f"n{name}"] for name in points.space}
    if condition.shift:
        name, distance = condition.shift
        step = torch.zeros_like(points.x[:1])
        step[:, points.coordinates.index(name)] = distance
        batch["x_to"] = points.x + step
    return batch


def input_jets(
    problem: Problem, name: str, inputs: Mapping[str, Functions], tensors: Batch
) -> dict[str, Jet]:
    """Input functions at a condition's points, and at their partners under names with a suffix.

    Args:
        problem: The problem.
        name: The condition.
        inputs: Functions by name, the same number of each.
        tensors: The condition's ``x`` and, if it is paired, ``x_to``.

    Returns:
        Jets of shape (n, m), one column a function, of those inputs that the condition takes.
    """
    jets = {}
    for suffix, points in (("", "x"), ("_to", "x_to")):
        for n, functions in inputs.items():
            layout = problem.demands[name].layouts.get(n + suffix)
            if layout is not None:
                columns = [problem.coordinates.index(c) for c in functions.coordinates]
                seen = _Columns(functions, columns)
                jets[n + suffix] = propagate(seen, tensors[points], layout)
    return jets


@dataclass(frozen=True)
class _Columns:
    """Functions of some of the coordinates as functions of all."""

    functions: Functions
    columns: list[int]

    def __call__(self, x: Tensor) -> Tensor:
        return self.functions(torch.stack([x[..., i] for i in self.columns], dim=-1))
