"""What the fields of one evaluation share: coordinates, points, and the recording."""

import difflib
from collections.abc import Hashable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pdenet.jets.expression import Expression


@dataclass
class Recording:
    """Which expressions a function forms, and which of them it differentiates.

    Expressions are numbered by how they are formed (operation and operands), not by when, so that
    the numbers found in one run of the function hold in the next.

    Args:
        identities: Number of every expression.
        differentiated: Numbers of those that are differentiated.
    """

    identities: dict[Hashable, int] = field(default_factory=dict)
    differentiated: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Frame:
    """Shared state of the fields of one evaluation.

    Args:
        coordinates: Names, in the order of the columns of the points.
        space: Names of those that are neither time nor parameters.
        size: Number of points.
        dtype: Type of the values.
        device: Where they live.
        recording: What is differentiated; it grows while ``open``.
        open: Whether this evaluation records.
    """

    coordinates: tuple[str, ...]
    space: tuple[str, ...]
    size: int
    dtype: torch.dtype
    device: torch.device
    recording: Recording
    open: bool

    def values(self, expression: Expression) -> Tensor:
        """Values of an expression.

        Args:
            expression: The expression.

        Returns:
            Shape (n,).
        """
        value = expression.partial(())
        if isinstance(value, Tensor) and value.shape == (self.size,):
            return value
        return torch.as_tensor(value, dtype=self.dtype, device=self.device).expand(self.size)

    def identify(self, key: Hashable) -> int | None:
        """Number of an expression, or None where it is not differentiated further.

        Args:
            key: Operation and numbers of the operands.

        Returns:
            The number.
        """
        if self.open:
            identities = self.recording.identities
            return identities.setdefault(key, len(identities))
        identity = self.recording.identities.get(key)
        return identity if identity in self.recording.differentiated else None

    def note_differentiated(self, identity: int) -> None:
        """Remember, while recording, that an expression is differentiated.

        Args:
            identity: Its number.
        """
        if self.open:
            self.recording.differentiated.add(identity)

    def position(self, name: str) -> int:
        """Position of a coordinate.

        Args:
            name: Its name.

        Returns:
            The column.

        Raises:
            ValueError: There is no such coordinate.
        """
        if name not in self.coordinates:
            close = difflib.get_close_matches(name, self.coordinates, n=1, cutoff=0.0)
            raise ValueError(
                f"There is no coordinate {name!r} among {self.coordinates}. "
                f"Did you mean {close[0]!r}?"
            )
        return self.coordinates.index(name)
