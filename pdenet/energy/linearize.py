r"""Slopes and curvature of a density with respect to fields and their partials, point by point.

Slopes give fluxes (Nitsche's method); curvature gives the rows of the Gauss-Newton matrix of an
energy, :math:`J^T J = \int (\partial_\theta j)^T W'' (\partial_\theta j)` for the jet j.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pdenet.jets import Demand, Jet

Channels = dict[str, Tensor]
"""By field, shape (c, n, *field shape): value and partials."""

# Of the largest eigenvalue at all points: what is smaller is round-off of the density.
ROUND_OFF = 1e-12


def slopes(
    demand: Demand,
    jets: Mapping[str, Jet],
    x: Tensor,
    given: Mapping[str, Tensor] | None = None,
    *,
    create_graph: bool = False,
) -> Channels:
    """Derivatives of a density by every channel of its fields.

    Args:
        demand: What the density needs, with the density.
        jets: Its fields.
        x: Points, shape (n, d).
        given: What else it takes.
        create_graph: Whether the result is differentiated further.

    Returns:
        By field that it takes, shape (c, n, *field shape); zero for channels that it does not use.
    """
    with torch.enable_grad():
        known, density = _evaluate(demand, jets, x, given, detach=not create_graph)
        return _gradient(density, known, create_graph)


def curvature(
    demand: Demand,
    jets: Mapping[str, Jet],
    x: Tensor,
    given: Mapping[str, Tensor] | None = None,
) -> Tensor:
    """Second derivatives of a density by all channels of its fields, point by point.

    Args:
        demand: What the density needs, with the density.
        jets: Its fields.
        x: Points, shape (n, d).
        given: What else it takes.

    Returns:
        Symmetric matrices, shape (n, m, m), for m channels: those of :func:`columns`.
    """
    with torch.enable_grad():
        known, density = _evaluate(demand, jets, x, given, detach=True)
        first = columns(_gradient(density, known, create_graph=True))
        rows = []
        for entry in first.unbind(1):
            second = (
                _gradient(entry, known, create_graph=False, retain_graph=True)
                if entry.requires_grad
                else {name: torch.zeros_like(value) for name, value in known.items()}
            )
            rows.append(columns(second))
    return torch.stack(rows, dim=1).detach()


def columns(channels: Mapping[str, Tensor]) -> Tensor:
    """Channels of all fields side by side.

    Args:
        channels: By field, shape (c, n, *field shape).

    Returns:
        Shape (n, m).
    """
    return torch.cat([c.movedim(1, 0).flatten(1) for c in channels.values()], dim=1)


def factor(matrices: Tensor) -> Tensor:
    """Roots of symmetric matrices whose negative eigenvalues are set to zero.

    Args:
        matrices: Shape (n, m, m).

    Returns:
        C with C^T C = the clipped matrix, shape (n, r, m); r is the largest rank.
    """
    values, vectors = torch.linalg.eigh(0.5 * (matrices + matrices.mT))
    values = values.clamp_min(0)
    rank = int((values > ROUND_OFF * values.max()).sum(1).max())
    # The largest come last.
    kept = slice(values.shape[1] - max(1, rank), None)
    return values[:, kept].sqrt().unsqueeze(-1) * vectors[:, :, kept].mT


def _evaluate(
    demand: Demand,
    jets: Mapping[str, Jet],
    x: Tensor,
    given: Mapping[str, Tensor] | None,
    detach: bool,
) -> tuple[Channels, Tensor]:
    """The density, and the channels that it is differentiated by."""
    names = [name for name in demand.names if name in demand.fields]
    known = {name: jets[name].channels for name in names}
    if detach:
        known = {name: c.detach().clone() for name, c in known.items()}
    # Leaves, or results that need a gradient to stand for leaves.
    known = {n: c if c.requires_grad else c.detach().requires_grad_() for n, c in known.items()}
    again = {name: Jet(jets[name].layout, c) for name, c in known.items()}
    density = demand.function(**demand.arguments(again, x, given))
    return known, getattr(density, "value", density)


def _gradient(
    value: Tensor, known: Channels, create_graph: bool, retain_graph: bool | None = None
) -> Channels:
    found = torch.autograd.grad(
        value.sum(),
        list(known.values()),
        create_graph=create_graph,
        retain_graph=retain_graph,
        allow_unused=True,
        materialize_grads=True,
    )
    return dict(zip(known, found, strict=True))
