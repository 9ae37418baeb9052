"""Rows of J for any network, by torch.func and autograd: slow, and the oracle of the fast path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.func import jacrev, vmap

from pdenet.residuals import Batch
from pdenet.tangent.factors import Factors, Plain
from pdenet.tangent.source import RowSource

Named = Mapping[str, Tensor]


class RowsOf(nn.Module):
    """Rows of one condition as a function of parameters.

    Args:
        source: What gives the rows; an ``nn.Module``.
        name: The condition.
    """

    def __init__(self, source: RowSource, name: str) -> None:
        super().__init__()
        self.source, self.name = source, name

    def forward(self, batch: Batch) -> Tensor:
        """Rows at a batch, shape (n, k)."""
        rows = self.source.rows(self.name, batch)
        return rows.reshape(len(rows), -1)

    def trained(self) -> dict[str, nn.Parameter]:
        """Trained parameters by name, in the order of J's columns."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}

    def at(self, parameters: Named) -> Callable[[Batch], Tensor]:
        """The same rows with other parameters, or other tensors in their place."""

        def rows(batch: Batch) -> Tensor:
            with self._replaced(parameters):
                return self(batch)

        return rows

    @contextmanager
    def _replaced(self, parameters: Named) -> Iterator[None]:
        # torch.func.functional_call misses modules that stand at two places of a network.
        given = {id(self.get_parameter(name)): value for name, value in parameters.items()}
        places = [
            (module._parameters, key, parameter)
            for module in self.modules()
            for key, parameter in module._parameters.items()
            if id(parameter) in given
        ]
        try:
            for registry, key, parameter in places:
                registry[key] = given[id(parameter)]  # type: ignore[assignment]
            yield
        finally:
            for registry, key, parameter in places:
                registry[key] = parameter


@dataclass(frozen=True)
class GeneralRows:
    """Rows of J that are differentiated anew, at the parameters of the moment, for each product.

    Args:
        rows: The condition.
        batch: Tensors of its points.
        scale: What rows are multiplied by, shape (n, 1); (1, 1) for a sum.
        chunk: Points at once.
        summed: Whether the points have one row together.
    """

    rows: RowsOf
    batch: Batch
    scale: Tensor
    chunk: int
    summed: bool

    @property
    def z(self) -> Tensor:
        """Values of the rows, shape (n, k)."""
        with torch.no_grad():
            pieces = [self.rows(batch) for _, batch in self._pieces()]
        return self.scale * (torch.stack(pieces).sum(0) if self.summed else torch.cat(pieces))

    @property
    def numbers(self) -> int:
        """Numbers that are held: none."""
        return 0

    def write(self, out: Tensor) -> None:
        """Writes the rows to ``out``, shape (n, k, P)."""
        if self.summed:
            out.zero_()
            for k, unit in enumerate(torch.eye(out.shape[1]).to(out)):
                self.vjp(unit[None], out[0, k])
        else:
            out.copy_(jacobian(self.rows, self.batch, self.chunk))
            out *= self.scale[:, :, None]

    def jvp(self, v: Tensor) -> Tensor:
        """J v, for v of shape (P,); shape (n, k)."""
        trained = self.rows.trained()
        parts = v.split([p.numel() for p in trained.values()])
        pairs = zip(trained.items(), parts, strict=True)
        direction = {name: part.view_as(p) for (name, p), part in pairs}
        pieces = [pushforward(self.rows, batch, [direction])[0] for _, batch in self._pieces()]
        return self.scale * (torch.stack(pieces).sum(0) if self.summed else torch.cat(pieces))

    def vjp(self, w: Tensor, out: Tensor) -> None:
        """Adds J^T w, for w of shape (n, k), to ``out``, shape (P,)."""
        weights = self.scale * w
        parameters = list(self.rows.trained().values())
        for part, batch in self._pieces():
            found = vjp(self.rows, batch, weights if self.summed else weights[part])
            out += flattened(found, parameters)

    def squared_norms(self) -> Tensor:
        """Squared norms of the rows, shape (n, k)."""
        return self.factors().squared_norms()

    def select(self, part: slice) -> GeneralRows:
        """The rows of some of the points."""
        if self.summed:
            return self
        batch = {name: value[part] for name, value in self.batch.items()}
        return replace(self, batch=batch, scale=self.scale[part])

    def factors(self) -> Factors:
        """The rows as plain columns, which are kept."""
        z, width = self.z, sum(p.numel() for p in self.rows.trained().values())
        values = z.new_empty((*z.shape, width))
        self.write(values)
        return Factors(z, [], [Plain(slice(0, width), values)])

    def _pieces(self) -> Iterator[tuple[slice, Batch]]:
        for start in range(0, len(next(iter(self.batch.values()))), self.chunk):
            part = slice(start, start + self.chunk)
            yield part, {name: value[part] for name, value in self.batch.items()}


def jacobian(rows: RowsOf, batch: Batch, chunk: int) -> Tensor:
    """Rows of J, point by point under vmap.

    Args:
        rows: The condition.
        batch: Tensors of its points.
        chunk: Points at once.

    Returns:
        Shape (n, k, P).
    """
    parameters = {name: p.detach() for name, p in rows.trained().items()}

    def one(point: Batch) -> Tensor:
        alone = {name: value[None] for name, value in point.items()}
        parts = jacrev(lambda p: rows.at(p)(alone)[0])(parameters)
        return torch.cat([p.reshape(len(p), -1) for p in parts.values()], dim=1)

    with torch.no_grad():
        return vmap(one, chunk_size=chunk)(batch)


def vjp(rows: RowsOf, batch: Batch, w: Tensor) -> list[Tensor | None]:
    """Rows' weighted sum, differentiated.

    Args:
        rows: The condition.
        batch: Tensors of its points.
        w: Weights, shape (n, k).

    Returns:
        One tensor a trained parameter; None where the rows do not depend on it.
    """
    parameters = list(rows.trained().values())
    with torch.enable_grad():
        values = rows(batch)
        if not values.requires_grad:
            return [None] * len(parameters)
        return list(torch.autograd.grad(values, parameters, w.to(values), allow_unused=True))


def flattened(gradients: Iterable[Tensor | None], parameters: Iterable[Tensor]) -> Tensor:
    """Gradients of parameters one after the other, zeros for None; shape (P,)."""
    pairs = zip(gradients, parameters, strict=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in pairs])


def pushforward(rows: RowsOf, batch: Batch, directions: list[dict[str, Tensor]]) -> list[Tensor]:
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
