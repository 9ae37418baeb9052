"""Rigid motions of space."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Motion:
    """The rigid motion x -> matrix x + shift.

    Attributes:
        matrix: Rows of an orthogonal matrix, d of d numbers.
        shift: d numbers.
    """

    matrix: tuple[tuple[float, ...], ...]
    shift: tuple[float, ...]

    @staticmethod
    def translation(shift: Sequence[float]) -> Motion:
        """Return the motion by a vector.

        Args:
            shift: Its d components.

        Returns:
            The motion.
        """
        d = len(shift)
        rows = tuple(tuple(float(i == j) for j in range(d)) for i in range(d))
        return Motion(rows, tuple(shift))

    @staticmethod
    def rotation(angle: float, first: int, second: int, about: Sequence[float]) -> Motion:
        """Return the rotation in a plane of two coordinates.

        Args:
            angle: In radians, from the first axis towards the second.
            first: Number of the first axis.
            second: Number of the second axis.
            about: The point that stays, d numbers.

        Returns:
            The motion.
        """
        matrix = torch.eye(len(about), dtype=torch.float64)
        c, s = math.cos(angle), math.sin(angle)
        matrix[first, first], matrix[first, second] = c, -s
        matrix[second, first], matrix[second, second] = s, c
        centre = torch.tensor(about, dtype=torch.float64)
        shift = centre - matrix @ centre
        return Motion(tuple(map(tuple, matrix.tolist())), tuple(shift.tolist()))

    @cached_property
    def rows(self) -> Tensor:
        """The matrix, shape (d, d)."""
        return torch.tensor(self.matrix, dtype=torch.float64)

    @property
    def turns(self) -> bool:
        """Whether it is more than a translation."""
        return self != Motion.translation(self.shift)

    def forward(self, x: Tensor) -> Tensor:
        """Move points.

        Args:
            x: Shape (n, d) or (d,).

        Returns:
            Same shape.
        """
        return x @ self.rows.T.to(x) + torch.tensor(self.shift).to(x)

    def backward(self, x: Tensor) -> Tensor:
        """Move points back.

        Args:
            x: Shape (n, d).

        Returns:
            Same shape.
        """
        return (x - torch.tensor(self.shift, dtype=torch.float64).to(x)) @ self.rows.to(x)

    def backward_values(self, coordinates: Sequence[str], values: dict[str, Any]) -> dict[str, Any]:
        """Move coordinates back one by one, by arithmetic alone.

        Args:
            coordinates: Names, d of them.
            values: Values by name.

        Returns:
            The values before the motion.
        """
        offsets = [values[c] - s for c, s in zip(coordinates, self.shift, strict=True)]
        moved = {}
        for column, name in enumerate(coordinates):
            terms = [
                offset * row[column]
                for offset, row in zip(offsets, self.matrix, strict=True)
                if row[column] != 0
            ]
            moved[name] = functools.reduce(operator.add, terms)
        return moved
