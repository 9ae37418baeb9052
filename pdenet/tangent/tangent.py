"""The Jacobian of the stacked residual rows with respect to the parameters."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Self

from torch import Tensor, nn

from pdenet.geometry import Points
from pdenet.tangent.factors import Factors
from pdenet.tangent.part import Part, Rows
from pdenet.tangent.products import Products
from pdenet.tangent.source import RowSource

MAX_BYTES = 2**30

Weights = Mapping[str, Tensor | float]
"""What squares of rows are multiplied by: a number for a condition, or one for each point."""


class Tangent(Products):
    r"""The Jacobian J of a problem's residual rows with respect to the trained parameters.

    Rows are those of :math:`z = (r_c / \sqrt{n_c})_c`, conditions c in turn, point by point, so
    that :math:`|z|^2 = \sum_c \mathrm{mean}(r_c^2)`; weights of a balance are outside. Columns are
    the trained parameters in the order of ``named_parameters()``. Points are fixed, parameters are
    not: every call sees their values of the moment. :meth:`linearize` keeps those of one moment,
    for several products.

    Through linear layers, rows are outer products that one reverse pass yields for all points
    (:mod:`pdenet.tangent.factors`). Where that does not hold, as a trial at a few points tells,
    ``torch.func`` differentiates row by row, and :attr:`general` says why.

    Args:
        source: What gives the rows: problem and network.
        points: Points of some or all conditions.
        max_bytes: Bound on the memory that rows of J and what they are made from take at once.
        shard: This process's number, and how many share the rows: each gets all points, works on
            its own, and has the same results as the others.
        known: By condition, parts of a source of the same form, whose trials count for this one.

    Attributes:
        rows: Rows of each condition.
        columns: Columns of each parameter, by name.
        shape: (N, P).

    Raises:
        ValueError: A condition is unknown or has no points, nothing is trained, or the network
            mixes points.

    Example:
        >>> from pdenet.networks import MLP
        >>> from pdenet.problems.poisson_1d import poisson_1d
        >>> from pdenet.residuals import Residuals
        >>> problem = poisson_1d()
        >>> tangent = Tangent(
        ...     Residuals(problem, MLP(1, 1, width=4, depth=1)),
        ...     {"poisson": problem.domain.sample(5, seed=0)},
        ... )
        >>> tangent.dense().shape, tangent.gram().shape
        (torch.Size([5, 13]), torch.Size([5, 5]))
    """

    def __init__(
        self,
        source: RowSource,
        points: Mapping[str, Points],
        max_bytes: int = MAX_BYTES,
        *,
        shard: tuple[int, int] = (0, 1),
        known: Mapping[str, Part] | None = None,
    ) -> None:
        if not points or (set(points) - set(source.names)):
            raise ValueError(
                f"Tangent got points of {sorted(points)}; the trained conditions are "
                f"{list(source.names)}."
            )
        if max_bytes < 1:
            raise ValueError(f"max_bytes={max_bytes} must be positive.")
        places: dict[nn.Parameter, slice] = {}
        columns: dict[str, slice] = {}
        end = 0
        for name, p in source.named_parameters():
            if p.requires_grad:
                places[p] = columns[name] = slice(end, end + p.numel())
                end += p.numel()
        if not places:
            raise ValueError("No parameter is trained: all have requires_grad=False.")
        ordered = [name for name in source.names if name in points]
        known = known or {}
        parts = {n: Part(source, n, points[n], places, shard, known.get(n)) for n in ordered}
        super().__init__(parts, columns, next(iter(places)), max_bytes)

    def at(self, points: Mapping[str, Points]) -> Self:
        """J of the same conditions at other points, any number; nothing is tried again.

        Args:
            points: Points of the same conditions.

        Returns:
            The new tangent.

        Raises:
            ValueError: The conditions are others, or one has no points.
        """
        if set(points) != set(self.parts):
            raise ValueError(
                f"This tangent is of the conditions {list(self.parts)}; got points of "
                f"{sorted(points)}."
            )
        other = copy.copy(self)
        parts = {name: part.at(points[name]) for name, part in self.parts.items()}
        Products.__init__(other, parts, self.columns, self._like, self.max_bytes)
        return other

    def linearize(self, weights: Weights | None = None) -> Linearization:
        """Rows and J at the parameters of this moment, from one pass.

        Args:
            weights: What the squares of rows are multiplied by, so that z and J hold the square
                roots: by condition, a number, or one for each of this process's points, (n,).

        Returns:
            z, and J in the form of its factors.

        Raises:
            ValueError: Weights of an unknown condition, or of another shape.
        """
        weights = weights or {}
        for name, weight in weights.items():
            shape = tuple(weight.shape) if isinstance(weight, Tensor) else ()
            if name not in self.parts or shape not in ((), (self.parts[name].count,)):
                counts = {n: part.count for n, part in self.parts.items()}
                raise ValueError(
                    f"weights[{name!r}] has shape {shape}; expected a number or one for each "
                    f"point, of the conditions and points {counts}."
                )
        return Linearization(self, weights)

    def _pieces(self, name: str, held: int) -> Iterator[tuple[slice, Rows]]:
        yield from self.parts[name].pieces(self.max_bytes, held)


class Linearization(Products):
    """Rows z and their J at the parameters of one moment; made by :meth:`Tangent.linearize`.

    What is kept are the inputs of the layers and the gradients at their outputs, so that products
    cost a few small matrix products each, without autograd.

    Args:
        tangent: Where the rows come from.
        weights: What squares of rows are multiplied by.

    Attributes:
        frozen: Whether all rows are kept. Those whose J is beyond ``max_bytes``, or that take the
            general path and would be, are differentiated anew for each product, at the parameters
            of that moment.
    """

    def __init__(self, tangent: Tangent, weights: Weights) -> None:
        super().__init__(tangent.parts, tangent.columns, tangent._like, tangent.max_bytes)
        self._weights = dict(weights)
        self._kept: dict[str, list[tuple[slice, Factors]]] = {}
        room = self.max_bytes // self._like.element_size()
        for name in self.parts:
            kept = self._keep(name, room)
            if kept is not None:
                self._kept[name] = kept
                room -= sum(rows.numbers for _, rows in kept)
        self.frozen = len(self._kept) == len(self.parts)
        self.z = self.values()

    def _keep(self, name: str, room: int) -> list[tuple[slice, Factors]] | None:
        """A condition's rows, or None where they take more than so many numbers."""
        part = self.parts[name]
        if part.general and part.count * part.k * self.shape[1] > room:
            return None
        found: list[tuple[slice, Factors]] = []
        for points, rows in part.pieces(self.max_bytes, 0, self._weight(name)):
            found.append((points, rows if isinstance(rows, Factors) else rows.factors()))
            room -= found[-1][1].numbers
            if room < 0:
                return None
        return found

    def _weight(self, name: str) -> Tensor | float:
        return self._weights.get(name, 1.0)

    def _pieces(self, name: str, held: int) -> Iterator[tuple[slice, Rows]]:
        part = self.parts[name]
        if name not in self._kept:
            yield from part.pieces(self.max_bytes, held, self._weight(name))
            return
        size = part.chunk(self.max_bytes, held) if held else part.total
        for points, rows in self._kept[name]:
            for start in range(points.start, points.stop, size):
                stop = min(start + size, points.stop)
                inside = slice(start - points.start, stop - points.start)
                yield slice(start, stop), rows.select(inside) if held else rows
