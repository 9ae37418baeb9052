"""What J is taken of: anything that gives rows at points."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from pdenet.geometry import Points
from pdenet.residuals import Batch


class RowSource(Protocol):
    """Gives rows at points, condition by condition; an ``nn.Module`` that holds what is trained.

    :class:`~pdenet.residuals.Residuals` is one. Rows of an energy are another: there, each row is a
    fixed combination of partial derivatives, so that J^T J is the Gauss-Newton matrix.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Conditions that have rows, in the order of the rows."""
        ...

    def batch(self, name: str, points: Points) -> Batch:
        """Tensors of one condition, whose first axis is that of the points."""
        ...

    def rows(self, name: str, batch: Batch) -> Tensor:
        """Rows of one condition, (n,) or (n, k), each of its own point; (1,) if they are summed."""
        ...

    def scale(self, name: str, points: Points) -> Tensor:
        """What a point's rows are multiplied by, shape () or (n,)."""
        ...

    def is_sum(self, name: str) -> bool:
        """Whether a condition has one row, the sum over all of its points."""
        ...

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Parameters by name, trained or not."""
        ...

    def modules(self) -> Iterator[nn.Module]:
        """The modules inside."""
        ...


@runtime_checkable
class PairSource(RowSource, Protocol):
    """Rows of several functions at each point: shape (n, m k), k rows for each of m functions."""

    @property
    def functions(self) -> int:
        """Number m of functions."""
        ...
