"""Rows of J and products with it for any network, by torch.func and autograd."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap

from pdenet.residuals import Batch, Residuals

Named = Mapping[str, Tensor]


class RowsOf(nn.Module):
    """Rows of one condition as a function of parameters.

    Args:
        residuals: Problem and network.
        name: The condition.
    """

    def __init__(self, residuals: Residuals, name: str) -> None:
        super().__init__()
        self.residuals, self.name = residuals, name

    def forward(self, batch: Batch) -> Tensor:
        """Rows at a batch, shape (n, k)."""
        rows = self.residuals.rows(self.name, batch)
        return rows.reshape(len(rows), -1)

    def trained(self) -> dict[str, nn.Parameter]:
        """Trained parameters by name, in the order of J's columns."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}

    def at(self, parameters: Named) -> Callable[[Batch], Tensor]:
        """The same rows with other parameters."""
        return lambda batch: functional_call(self, dict(parameters), (batch,))


def jacobian(rows: RowsOf, batch: Batch, chunk: int) -> Tensor:
    """Rows of J, point by point under vmap.

    Args:
        rows: The condition.
        batch: Tensors of its points.
        chunk: Points at once.

    Returns:
        Shape (n, k, P).
    """
    parameters = _detached(rows.trained())

    def one(point: Batch) -> Tensor:
        alone = {name: value[None] for name, value in point.items()}
        parts = jacrev(lambda p: rows.at(p)(alone)[0])(parameters)
        return torch.cat([p.reshape(len(p), -1) for p in parts.values()], dim=1)

    with torch.no_grad():
        return vmap(one, chunk_size=chunk)(batch)


def single_row(rows: RowsOf, batches: Sequence[Batch]) -> Tensor:
    """The row of an integral: the sum of its parts' gradients.

    Args:
        rows: The condition.
        batches: Tensors of its points, in parts.

    Returns:
        Shape (1, 1, P).
    """
    return sum(vjp(rows, b, torch.ones(1, 1)) for b in batches).reshape(1, 1, -1)  # type: ignore[union-attr]


def vjp(rows: RowsOf, batch: Batch, w: Tensor) -> Tensor:
    """Rows' weighted sum, differentiated.

    Args:
        rows: The condition.
        batch: Tensors of its points.
        w: Weights, shape (n, k).

    Returns:
        Shape (P,).
    """
    with torch.enable_grad():
        values = rows(batch)
        gradients = torch.autograd.grad(
            values,
            list(rows.trained().values()),
            w.to(values),
            allow_unused=True,
            materialize_grads=True,
        )
    return torch.cat([g.flatten() for g in gradients])


def pushforward(
    rows: RowsOf, batch: Batch, directions: Sequence[Mapping[str, Tensor]]
) -> list[Tensor]:
    """Derivatives of the rows along directions of the parameters.

    By reverse passes twice, J v being the derivative of (J^T w) v with respect to w: the jets'
    eager kernels, which forward differentiation cannot use, make up for the second pass.

    Args:
        rows: The condition.
        batch: Tensors of its points.
        directions: Each by name of a trained parameter; those that are missing stay.

    Returns:
        One a direction, shape (n, k).
    """
    trained = rows.trained()
    names = [name for name in trained if any(name in d for d in directions)]
    with torch.enable_grad():
        values = rows(batch)
        w = torch.zeros_like(values, requires_grad=True)
        if not (names and values.requires_grad):
            return [torch.zeros_like(values) for _ in directions]
        gradients = torch.autograd.grad(
            values, [trained[n] for n in names], w, create_graph=True, allow_unused=True
        )
        by_name = dict(zip(names, gradients, strict=True))
        return [_along(by_name, d, w) for d in directions]


def _along(gradients: Mapping[str, Tensor | None], direction: Named, w: Tensor) -> Tensor:
    pairs = [(g, direction[n]) for n, g in gradients.items() if g is not None and n in direction]
    if not pairs:
        return torch.zeros_like(w)
    total = torch.stack([(g * v).sum() for g, v in pairs]).sum()
    (found,) = torch.autograd.grad(total, w, retain_graph=True)
    return found.detach()


def _detached(parameters: Named) -> dict[str, Tensor]:
    return {name: p.detach() for name, p in parameters.items()}
