"""What is done with rows of J, wherever they come from: J itself, products, Gram matrices."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from pdenet.tangent.gathering import gather, total
from pdenet.tangent.kernel import add_symmetric, kernel, mirror
from pdenet.tangent.part import Part, Rows


class Products(ABC):
    """J by pieces of its rows, and what can be made of them.

    Args:
        parts: Conditions with rows, in order.
        columns: Columns of each parameter, by name.
        like: A parameter, for dtype and device.
        max_bytes: Bound on the memory that rows of J and what they are made from take at once.

    Attributes:
        rows: Rows of each condition.
        columns: Columns of each parameter, by name.
        shape: (N, P).
        max_bytes: The bound; it may be changed.
    """

    def __init__(
        self, parts: Mapping[str, Part], columns: Mapping[str, slice], like: Tensor, max_bytes: int
    ) -> None:
        self.parts, self.columns, self.max_bytes = dict(parts), dict(columns), max_bytes
        self.rows: dict[str, slice] = {}
        height = 0
        for name, part in self.parts.items():
            self.rows[name] = slice(height, height + part.total * part.k)
            height += part.total * part.k
        self.shape = (height, max(c.stop for c in columns.values()))
        self._like = like

    @abstractmethod
    def _pieces(self, name: str, held: int) -> Iterator[tuple[slice, Rows]]:
        """Rows of one condition, piece by piece, with the points of this process they are of.

        Args:
            name: The condition.
            held: Numbers a point that are made of a piece.
        """

    @property
    def general(self) -> dict[str, str]:
        """Conditions that take the general path, and why."""
        return {name: part.general for name, part in self.parts.items() if part.general}

    def dense(self, out: Tensor | None = None) -> Tensor:
        """J itself.

        Args:
            out: Where to write it, of shape (N, P); whatever stands there is overwritten.

        Returns:
            Shape (N, P).

        Raises:
            ValueError: It does not fit in ``max_bytes``, or ``out`` has another shape.
        """
        width = self.shape[1]
        if out is None:
            self._require(self.shape[0] * width, f"J of shape {self.shape}", "jvp and vjp")
            out = self._like.new_empty(self.shape)
        elif tuple(out.shape) != self.shape:
            raise ValueError(f"out has shape {tuple(out.shape)}, but J has shape {self.shape}.")
        for name, part in self.parts.items():
            target = out[self.rows[name]].view(part.total, part.k, width)
            whole = part.shard[1] == 1
            mine = target if whole else out.new_empty(part.count, part.k, width)
            for points, rows in self._pieces(name, held=0):
                rows.write(mine[points])
            if not whole:
                target.copy_(gather(mine, part))
        return out

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """J in blocks of rows that fit in ``max_bytes``.

        Yields:
            Which rows, and the block, shape (rows, P).

        Raises:
            ValueError: Several processes share the rows.
        """
        if self._shared:
            raise ValueError("Several processes share the rows of J; blocks() is for one alone.")
        for name, part in self.parts.items():
            first, k = self.rows[name].start, part.k
            for points, rows in self._pieces(name, held=k * self.shape[1]):
                block = self._like.new_empty(points.stop - points.start, k, self.shape[1])
                rows.write(block)
                yield slice(first + k * points.start, first + k * points.stop), block.flatten(0, 1)

    def values(self) -> Tensor:
        """The rows' own values z.

        Returns:
            Shape (N,).
        """
        return self._each(lambda rows: rows.z)

    def jvp(self, v: Tensor) -> Tensor:
        """J v.

        Args:
            v: Shape (P,).

        Returns:
            Shape (N,).

        Raises:
            ValueError: ``v`` has another shape.
        """
        self._check("v", v, self.shape[1])
        return self._each(lambda rows: rows.jvp(v))

    def vjp(self, w: Tensor) -> Tensor:
        """J^T w.

        Args:
            w: Shape (N,).

        Returns:
            Shape (P,).

        Raises:
            ValueError: ``w`` has another shape.
        """
        self._check("w", w, self.shape[0])
        out = self._zeros(self.shape[1])
        for name, part in self.parts.items():
            weights = w[self.rows[name]].view(part.total, part.k)[part.mine]
            for points, rows in self._pieces(name, held=0):
                rows.vjp(weights[points], out)
        return self._total(out)

    def normal(self) -> tuple[Tensor, Tensor]:
        """J^T J and J^T z, summed over blocks of rows, so that J is never held.

        Returns:
            Shapes (P, P) and (P,).

        Raises:
            ValueError: J^T J does not fit in ``max_bytes``.
        """
        width = self.shape[1]
        self._require(width * width, f"J^T J of shape {(width, width)}", "gram, or jvp and vjp")
        out = self._zeros(width + 1, width)  # both, one message where there are several processes
        buffer = self._like.new_empty(0)
        for name, part in self.parts.items():
            for points, rows in self._pieces(name, held=part.k * width):
                size = (points.stop - points.start) * part.k * width
                if len(buffer) < size:
                    buffer = self._like.new_empty(size)
                block = buffer[:size].view(-1, part.k, width)
                rows.write(block)
                flat = block.flatten(0, 1)
                add_symmetric(out[:-1], flat.T)
                out[-1] += rows.z.flatten() @ flat
        out = self._total(out)
        mirror(out[:-1])
        return out[:-1], out[-1]

    def gram(self) -> Tensor:
        """K = J J^T, the neural tangent kernel of the rows.

        From the layers' factors where that is cheaper than from J, weight by weight.

        Returns:
            Symmetric, shape (N, N).

        Raises:
            ValueError: K does not fit in ``max_bytes``.
        """
        n = self.shape[0]
        self._require(n * n, f"K of shape {(n, n)}", "fewer points")
        if self._shared:
            jacobian, out = self.dense(), self._zeros(n, n)
            add_symmetric(out, jacobian)
            return mirror(out)
        pieces = [
            (self.rows[name].start + self.parts[name].k * points.start, rows)
            for name in self.parts
            for points, rows in self._pieces(name, held=0)
        ]
        return kernel(pieces, self._zeros(n, n), self.shape[1], self.max_bytes)

    def squared_norms(self) -> Tensor:
        """Squared norms of J's rows, the diagonal of K; their sum is its trace.

        Returns:
            Shape (N,).
        """
        return self._each(lambda rows: rows.squared_norms())

    def _each(self, function: Callable[[Rows], Tensor]) -> Tensor:
        """A number for each row, of all processes, shape (N,)."""
        found = []
        for name, part in self.parts.items():
            mine = self._zeros(part.count, part.k)
            for points, rows in self._pieces(name, held=0):
                mine[points] = function(rows)
            found.append(gather(mine, part).flatten())
        return torch.cat(found)

    @property
    def _shared(self) -> bool:
        """Whether several processes share the rows."""
        return any(part.shard[1] > 1 for part in self.parts.values())

    def _total(self, mine: Tensor) -> Tensor:
        return total(mine) if self._shared else mine

    def _zeros(self, *shape: int) -> Tensor:
        return torch.zeros(shape, dtype=self._like.dtype, device=self._like.device)

    def _require(self, numbers: int, what: str, instead: str) -> None:
        size = numbers * self._like.element_size()
        if size > self.max_bytes:
            raise ValueError(
                f"{what} takes {size:,} bytes, more than max_bytes={self.max_bytes:,}; use "
                f"{instead}, or raise the bound."
            )

    def _check(self, name: str, vector: Tensor, size: int) -> None:
        if tuple(vector.shape) != (size,):
            raise ValueError(
                f"{name} has shape {tuple(vector.shape)}; J has shape {self.shape}, so ({size},) "
                "is expected."
            )
