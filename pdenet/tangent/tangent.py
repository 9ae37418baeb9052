"""The Jacobian of the stacked residual rows with respect to the parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from pdenet.geometry import Points
from pdenet.residuals import Residuals
from pdenet.tangent.part import Part

MAX_BYTES = 2**30


class Tangent:
    r"""The Jacobian J of a problem's residual rows with respect to the trained parameters.

    Rows are those of :math:`z = (r_c / \sqrt{n_c})_c`, conditions c in turn, point by point, so
    that :math:`|z|^2 = \sum_c \mathrm{mean}(r_c^2)`; weights of a balance are outside. Columns are
    the trained parameters in the order of ``residuals.parameters()``. Points are fixed, parameters
    are not: every call sees their values of the moment.

    Through linear layers, rows are outer products that one reverse pass yields for all points
    (:mod:`pdenet.tangent.linear_layers`). Where that does not hold, as a trial at a few points
    tells, ``torch.func`` differentiates row by row, and :attr:`general` says why.

    Args:
        residuals: Problem and network.
        points: Points of some or all conditions.
        max_bytes: Bound on the memory that rows of J and what they are made from take at once.

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
        >>> problem = poisson_1d()
        >>> tangent = Tangent(
        ...     Residuals(problem, MLP(1, 1, width=4, depth=1)),
        ...     {"poisson": problem.domain.sample(5, seed=0)},
        ... )
        >>> tangent.dense().shape, tangent.gram().shape
        (torch.Size([5, 13]), torch.Size([5, 5]))
    """

    def __init__(
        self, residuals: Residuals, points: Mapping[str, Points], max_bytes: int = MAX_BYTES
    ) -> None:
        if not points or (set(points) - set(residuals.conditions)):
            raise ValueError(
                f"Tangent got points of {sorted(points)}; the trained conditions of problem "
                f"{residuals.problem.name!r} are {list(residuals.conditions)}."
            )
        if max_bytes < 1:
            raise ValueError(f"max_bytes={max_bytes} must be positive.")
        self.max_bytes = max_bytes
        places: dict[nn.Parameter, slice] = {}
        self.columns: dict[str, slice] = {}
        end = 0
        for name, p in residuals.named_parameters():
            if p.requires_grad:
                places[p] = self.columns[name] = slice(end, end + p.numel())
                end += p.numel()
        if not places:
            raise ValueError("No parameter is trained: all have requires_grad=False.")
        self._like = next(iter(places))
        self._names = {n: p for n, p in residuals.named_parameters() if p.requires_grad}
        ordered = [name for name in residuals.conditions if name in points]
        self._parts = {name: Part(residuals, name, points[name], places) for name in ordered}
        self.rows: dict[str, slice] = {}
        height = 0
        for name, part in self._parts.items():
            self.rows[name] = slice(height, height + part.size)
            height += part.size
        self.shape = (height, end)

    @property
    def general(self) -> dict[str, str]:
        """Conditions that take the general path, and why."""
        return {name: part.general for name, part in self._parts.items() if part.general}

    def dense(self) -> Tensor:
        """J itself.

        Returns:
            Shape (N, P).

        Raises:
            ValueError: It does not fit in ``max_bytes``.
        """
        self._require(self.shape[0] * self.shape[1], f"J of shape {self.shape}", "jvp and vjp")
        out = self._zeros(*self.shape)
        for part, rows, start, stop in self._pieces(self.max_bytes, held=0):
            part.write(out[rows].view(stop - start, part.k, -1), start, stop)
        return out

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """J in blocks of rows that fit in ``max_bytes``.

        Yields:
            Which rows, and the block, shape (rows, P).
        """
        for part, rows, start, stop in self._pieces(self.max_bytes, held=self.shape[1]):
            out = self._zeros(stop - start, part.k, self.shape[1])
            part.write(out, start, stop)
            yield rows, out.flatten(0, 1)

    def jvp(self, v: Tensor) -> Tensor:
        """J v, by reverse differentiation twice.

        Args:
            v: Shape (P,).

        Returns:
            Shape (N,).

        Raises:
            ValueError: ``v`` has another shape.
        """
        self._check("v", v, self.shape[1])
        pieces = v.split([p.numel() for p in self._names.values()])
        pairs = zip(self._names.items(), pieces, strict=True)
        directions = {f"residuals.{name}": piece.view_as(p) for (name, p), piece in pairs}
        return torch.cat([part.jvp(directions, self.max_bytes) for part in self._parts.values()])

    def vjp(self, w: Tensor) -> Tensor:
        """J^T w, by reverse differentiation.

        Args:
            w: Shape (N,).

        Returns:
            Shape (P,).

        Raises:
            ValueError: ``w`` has another shape.
        """
        self._check("w", w, self.shape[0])
        parts = [p.vjp(w[self.rows[n]], self.max_bytes) for n, p in self._parts.items()]
        return torch.stack(parts).sum(0)

    def gram(self) -> Tensor:
        """K = J J^T, the neural tangent kernel of the residuals.

        Returns:
            Symmetric, shape (N, N).

        Raises:
            ValueError: K does not fit in ``max_bytes``.
        """
        n = self.shape[0]
        self._require(n * n, f"K of shape {(n, n)}", "fewer points")
        if self._fits(n * self.shape[1]):
            jacobian = self.dense()
            return jacobian @ jacobian.T
        out = self._zeros(n, n)
        for rows, block in self.blocks():
            for others, other in self.blocks():
                if others.start <= rows.start:
                    product = block @ other.T
                    out[rows, others], out[others, rows] = product, product.T
        return out

    def squared_norms(self) -> Tensor:
        """Squared norms of J's rows, the diagonal of K; their sum is its trace.

        Returns:
            Shape (N,).
        """
        out = self._zeros(self.shape[0])
        for rows, block in self.blocks():
            out[rows] = block.square().sum(1)
        return out

    def _pieces(self, max_bytes: int, held: int) -> Iterator[tuple[Part, slice, int, int]]:
        for name, part in self._parts.items():
            # Beside the block: a product of the same size; under torch.func, copies of it.
            size = part.chunk(max_bytes, (4 if part.general else 2) * part.k * self.shape[1])
            first = self.rows[name].start
            for start in range(0, part.n, size):
                stop = min(start + size, part.n)
                yield part, slice(first + start * part.k, first + stop * part.k), start, stop

    def _zeros(self, *shape: int) -> Tensor:
        return torch.zeros(shape, dtype=self._like.dtype, device=self._like.device)

    def _fits(self, numbers: int) -> bool:
        return numbers * self._like.element_size() <= self.max_bytes

    def _require(self, numbers: int, what: str, instead: str) -> None:
        if not self._fits(numbers):
            raise ValueError(
                f"{what} takes {numbers * self._like.element_size():,} bytes, more than "
                f"max_bytes={self.max_bytes:,}; use {instead}, or raise the bound."
            )

    def _check(self, name: str, vector: Tensor, size: int) -> None:
        if tuple(vector.shape) != (size,):
            raise ValueError(
                f"{name} has shape {tuple(vector.shape)}; J has shape {self.shape}, so ({size},) "
                "is expected."
            )
