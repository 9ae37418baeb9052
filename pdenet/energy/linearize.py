r"""Slopes and curvature of a density with respect to fields and their partials, point by point.

Slopes give fluxes (Nitsche's method); curvature gives the rows of the Gauss-Newton matrix of an
energy, :math:`J^T J = \int (\partial_\theta j)^T W'' (\partial_\theta j)` for the jet j.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from pdenet.jets import Demand, Jet

Channels = dict[str, Tensor]
"""By field, shape (c, n, *field shape): value and partials."""


def slopes(
    demand: Demand, jets: Mapping[str, Jet], x: Tensor, given: Mapping[str, Tensor] | None = None
) -> Channels:
    """Derivatives of a density by every channel of its fields, to be differentiated further.

    Args:
        demand: What the density needs, with the density.
        jets: Its fields.
        x: Points, shape (n, d).
        given: What else it takes.

    Returns:
        By field that it takes, shape (c, n, *field shape); zero for channels that it does not use.
    """
    with torch.enable_grad():
        known = {n: c if c.requires_grad else c.requires_grad_() for n, c in _known(demand, jets)}
        total = _total(demand, jets, x, given, (0,))(known)
        found = torch.autograd.grad(
            total, list(known.values()), create_graph=True, materialize_grads=True
        )
    return dict(zip(known, found, strict=True))


def curvature(
    demand: Demand,
    jets: Mapping[str, Jet],
    x: Tensor,
    given: Mapping[str, Tensor] | None = None,
    rows: tuple[int, ...] = (0,),
) -> Tensor:
    """Second derivatives of a density by all channels of its fields, point by point.

    Args:
        demand: What the density needs, with the density.
        jets: Its fields.
        x: Points, shape (n, d).
        given: What else it takes.
        rows: Which rows are meant, of a function that returns several; their sum is.

    Returns:
        Symmetric matrices, shape (n, m, m), for m channels: those of :func:`columns`.
    """
    known = {name: c.detach() for name, c in _known(demand, jets)}
    gradient = torch.func.grad(_total(demand, jets, x, given, rows))

    def entry(channels: Channels, j: int) -> Tensor:
        return columns(gradient(channels))[:, j].sum()

    m = columns(known).shape[1]
    second = [columns(torch.func.grad(entry)(known, j)) for j in range(m)]
    return torch.stack(second, dim=1).detach()


def columns(channels: Mapping[str, Tensor]) -> Tensor:
    """Channels of all fields side by side.

    Args:
        channels: By field, shape (c, n, *field shape).

    Returns:
        Shape (n, m).
    """
    return torch.cat([c.movedim(1, 0).flatten(1) for c in channels.values()], dim=1)


def factor(matrices: Tensor) -> Tensor:
    """Square roots of symmetric matrices whose negative eigenvalues are set to zero.

    Args:
        matrices: Shape (n, m, m).

    Returns:
        Symmetric C with C C = the clipped matrix, shape (n, m, m).

    Example:
        >>> factor(torch.diag(torch.tensor([4.0, -1.0]))[None]).tolist()
        [[[2.0, 0.0], [0.0, 0.0]]]
    """
    values, vectors = torch.linalg.eigh(0.5 * (matrices + matrices.mT))
    return (vectors * values.clamp_min(0).sqrt().unsqueeze(-2)) @ vectors.mT


def _known(demand: Demand, jets: Mapping[str, Jet]) -> list[tuple[str, Tensor]]:
    return [(name, jets[name].channels) for name in demand.names if name in demand.fields]


def _total(
    demand: Demand,
    jets: Mapping[str, Jet],
    x: Tensor,
    given: Mapping[str, Tensor] | None,
    rows: tuple[int, ...],
) -> Callable[[Channels], Tensor]:
    """The density's sum over points as a function of the fields' channels."""

    def total(channels: Channels) -> Tensor:
        fields = {name: Jet(jets[name].layout, c) for name, c in channels.items()}
        density = demand.function(**demand.arguments(fields, x, given))
        parts = [density[i] for i in rows] if isinstance(density, tuple) else [density]
        return torch.stack([getattr(part, "value", part) for part in parts]).sum()

    return total
