"""Outputs of an operator network against data."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pdenet.conditions import OperatorData
from pdenet.residuals import Batch


def misfit(
    outputs: Tensor, data: OperatorData, shapes: Mapping[str, tuple[int, ...]], batch: Batch
) -> Tensor:
    """Predicted less given values, each field in units of its own size.

    Args:
        outputs: What the network says, shape (..., outputs).
        data: Which fields are known.
        shapes: All fields' shapes, in the order of the outputs.
        batch: Given ``values``, and the ``factor`` that makes each field one of size 1.

    Returns:
        Shape (..., fields).
    """
    return (outputs[..., _columns(data, shapes)] - batch["values"]) * batch["factor"]


def _columns(data: OperatorData, shapes: Mapping[str, tuple[int, ...]]) -> list[int]:
    """Output columns of the fields that data give."""
    columns, start = {}, 0
    for name, shape in shapes.items():
        columns[name] = start
        start += int(torch.Size(shape).numel())
    return [columns[name] for name in data.fields]
