"""The kernel as something that vectors are multiplied with, on its smaller side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor


class Rows(Protocol):
    """What is needed of J: :class:`~pdenet.tangent.Tangent` has it."""

    @property
    def shape(self) -> tuple[int, int]:
        """(N, P)."""
        ...

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """Which rows, and the block, one after the other."""
        ...

    def jvp(self, v: Tensor) -> Tensor:
        """J v, shape (N,)."""
        ...

    def vjp(self, w: Tensor) -> Tensor:
        """J^T w, shape (P,)."""
        ...

    def squared_norms(self) -> Tensor:
        """Squared norms of the rows, shape (N,)."""
        ...


class Kernel(ABC):
    """A symmetric positive semi-definite operator with a known trace, in float64.

    Attributes:
        size: Its dimension n.
    """

    size: int

    @property
    @abstractmethod
    def trace(self) -> float:
        """Sum of all eigenvalues, exact."""

    @abstractmethod
    def apply(self, V: Tensor) -> Tensor:
        """K V, shape (n, k), of V of that shape."""


class DenseKernel(Kernel):
    """A kernel that is a matrix.

    Args:
        matrix: Symmetric positive semi-definite, shape (n, n).

    Raises:
        ValueError: It is not square, or empty.

    Example:
        >>> kernel = DenseKernel(torch.diag(torch.tensor([2.0, 1.0])))
        >>> kernel.trace, kernel.apply(torch.ones(2, 1)).tolist()
        (3.0, [[2.0], [1.0]])
    """

    def __init__(self, matrix: Tensor) -> None:
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not len(matrix):
            raise ValueError(f"A kernel is a square matrix; got shape {tuple(matrix.shape)}.")
        self.matrix = matrix.detach().double()
        self.size = len(matrix)

    @property
    def trace(self) -> float:
        """Sum of all eigenvalues, exact."""
        return float(self.matrix.trace())

    def apply(self, V: Tensor) -> Tensor:
        """K V, shape (n, k), of V of that shape."""
        return self.matrix @ V.to(self.matrix)


class BlockKernel(Kernel):
    """J J^T, or J^T J where that is smaller, from blocks of rows of J.

    All columns of V are served by one pass over the blocks (two for J J^T), each of which costs
    about as much as writing J; the trace is a by-product. That is less than a pass for every
    column as soon as there are a few.

    Args:
        rows: J.
    """

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.size = min(rows.shape)
        self.wide = rows.shape[0] <= rows.shape[1]
        self._trace: float | None = None

    @property
    def trace(self) -> float:
        """Sum of all eigenvalues: squared norms of the rows."""
        if self._trace is None:
            self._trace = float(self.rows.squared_norms().double().sum())
        return self._trace

    def apply(self, V: Tensor) -> Tensor:
        """K V, shape (n, k), of V of that shape."""
        product = torch.zeros(self.rows.shape[1], V.shape[1], dtype=V.dtype, device=V.device)
        trace = 0.0
        for where, block in self.rows.blocks():
            # On the small side a block is applied and applied back at once.
            inner = V[where].to(block) if self.wide else block @ V.to(block)
            product += (block.mT @ inner).to(V)
            trace += float(block.double().square().sum())
        self._trace = trace
        if not self.wide:
            return product
        parts = [block @ product.to(block) for _, block in self.rows.blocks()]
        return torch.cat(parts).to(V)


class ProductKernel(Kernel):
    """J J^T, or J^T J where that is smaller, from products J v and J^T w alone.

    For operators whose rows cannot be formed; two passes for each column of V.

    Args:
        rows: J.
    """

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.size = min(rows.shape)
        self.wide = rows.shape[0] <= rows.shape[1]
        self._trace = float(rows.squared_norms().double().sum())

    @property
    def trace(self) -> float:
        """Sum of all eigenvalues: squared norms of the rows."""
        return self._trace

    def apply(self, V: Tensor) -> Tensor:
        """K V, shape (n, k), of V of that shape."""
        first, second = self.rows.vjp, self.rows.jvp
        if not self.wide:
            first, second = second, first
        return torch.stack([second(first(v)) for v in V.mT], dim=1).to(V)
