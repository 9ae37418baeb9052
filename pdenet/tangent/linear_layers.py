"""Rows of J through linear layers: outer products, from one reverse pass for all points.

Where each row depends on one point, the gradient of the *sum* of all rows at a layer's output holds
every row's own gradient, one point each. A row of J is then, for each weight, the sum over channels
of the jet and over uses of the layer of (gradient at the output) (input)^T.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from pdenet.tangent.recorder import Recorder, Use

Columns = Mapping[nn.Parameter, slice]
"""Where each parameter's columns are."""


def record(
    rows_of: Callable[[], Tensor], parameters: Sequence[nn.Parameter], points: int
) -> tuple[Tensor, list[Use]]:
    """Evaluates rows and takes down the uses of linear layers.

    Args:
        rows_of: Gives the rows, with a graph.
        parameters: The trained parameters.
        points: Number of points.

    Returns:
        Rows, shape (n, k), and the uses.

    Raises:
        RefusedError: The network is of another kind.
    """
    with torch.enable_grad(), Recorder(parameters, points) as recorder:
        rows = rows_of()
    return rows.reshape(points, -1), recorder.uses


def fill(block: Tensor, rows: Tensor, uses: Sequence[Use], columns: Columns) -> None:
    """Writes the rows of J that pass through the recorded layers.

    Args:
        block: Zeros to write to, shape (n, k, P).
        rows: Rows, shape (n, k), with a graph.
        uses: What was recorded while they were computed.
        columns: Where each parameter's columns are.
    """
    outputs = [use.outputs for use in uses]
    for k in range(rows.shape[1]):
        gradients = torch.autograd.grad(
            rows[:, k].sum(),
            outputs,
            retain_graph=k + 1 < rows.shape[1],
            allow_unused=True,
            materialize_grads=True,
        )
        seen: set[nn.Parameter] = set()
        for use, gradient in zip(uses, gradients, strict=True):
            _add(block[:, k], use, gradient, columns, seen)


def _add(
    block: Tensor, use: Use, gradient: Tensor, columns: Columns, seen: set[nn.Parameter]
) -> None:
    n, c, m, i = use.inputs.shape
    flat = gradient.reshape(c, n, m, -1).movedim(0, 1)  # (n, c, m, o)
    found: list[tuple[nn.Parameter, Tensor]] = []
    if use.weight is not None:
        product = torch.bmm(flat.reshape(n, c * m, -1).mT, use.inputs.reshape(n, c * m, i))
        found.append((use.weight, product.reshape(n, -1)))
    if use.bias is not None:
        found.append((use.bias, flat[:, 0].sum(1)))  # the bias acts on the value alone
    for parameter, part in found:
        target = block[:, columns[parameter]]
        # Writing J dominates where layers are narrow: the first use does not read it.
        target.copy_(part) if parameter not in seen else target.add_(part)
        seen.add(parameter)
