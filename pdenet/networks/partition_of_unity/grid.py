"""Patches: equal boxes in rows, in the network's scaled inputs, where the domain is [-1, 1]^d."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

Place = tuple[int, ...]


@dataclass(frozen=True)
class Grid:
    """A tensor grid of patches, or those of its patches that a region needs.

    Args:
        counts: Patches along each input.
        periods: Period by input, in scaled units, where patches close to a ring.
        places: Indices of the patches that are there; all if empty.
        nodes: Edges of patches of unequal width, from -1 to 1, by input; others are equal.

    Raises:
        ValueError: A count is not a positive whole number, or edges do not fit.

    Example:
        >>> grid = Grid((2, 3))
        >>> len(grid.places), grid.centres(0)
        (6, [-0.5, 0.5])
    """

    counts: tuple[int, ...]
    periods: Mapping[int, float] = field(default_factory=dict)
    places: tuple[Place, ...] = ()
    nodes: Mapping[int, tuple[float, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.counts or any(
            isinstance(m, bool) or not isinstance(m, int) or m < 1 for m in self.counts
        ):
            raise ValueError(f"patches={self.counts} must be whole numbers of at least 1.")
        for i, edges in self.nodes.items():
            ends = (edges[0], edges[-1]) == (-1.0, 1.0) and len(edges) == self.counts[i] + 1
            if i in self.periods or not ends or any(b <= a for a, b in itertools.pairwise(edges)):
                raise ValueError(
                    f"Edges of {self.counts[i]} patches must grow from -1 to 1, one more than "
                    f"patches, along inputs that are not periodic; got {edges} for input {i}."
                )
        if not self.places:
            every = tuple(itertools.product(*map(range, self.counts)))
            object.__setattr__(self, "places", every)

    def half_widths(self, i: int) -> list[float]:
        """Half the width of each patch along an input, in scaled units."""
        return [(b - a) / 2 for a, b in itertools.pairwise(self._edges(i))]

    def centres(self, i: int) -> list[float]:
        """Centres of the patches along an input, in scaled units."""
        return [(a + b) / 2 for a, b in itertools.pairwise(self._edges(i))]

    def _edges(self, i: int) -> Sequence[float]:
        if i in self.nodes:
            return self.nodes[i]
        width = self.periods.get(i, 2.0) / self.counts[i]
        return [-1 + n * width for n in range(self.counts[i] + 1)]

    def ring(self, i: int) -> bool:
        """Whether patches along an input close to a ring."""
        return i in self.periods and self.counts[i] > 1

    def edges(self, i: int) -> tuple[list[bool], list[bool]]:
        """Whether each patch along an input ends at its lower and at its upper edge."""
        m, ring = self.counts[i], self.ring(i)
        return [ring or n > 0 for n in range(m)], [ring or n < m - 1 for n in range(m)]

    def holding(self, points: Tensor, overlap: float) -> Grid:
        """The patches whose windows reach some of the points.

        Args:
            points: Sample of a region in scaled inputs, shape (k, d).
            overlap: How far windows reach beyond their patches, in half widths.

        Returns:
            The grid without the others.

        Raises:
            ValueError: The points have other columns, or lie in no patch.
        """
        if points.ndim != 2 or points.shape[1] != len(self.counts):
            raise ValueError(
                f"Points of shape {tuple(points.shape)} came for patches along {len(self.counts)} "
                "inputs; expected one column for each."
            )
        near = [self._reached(i, points[:, i], overlap) for i in range(len(self.counts))]
        kept = tuple(
            place
            for place in self.places
            if bool(torch.stack([near[i][:, n] for i, n in enumerate(place)]).all(0).any())
        )
        if not kept:
            raise ValueError(f"None of the {len(self.places)} patches holds a point of the region.")
        return replace(self, places=kept)

    def _reached(self, i: int, x: Tensor, overlap: float) -> Tensor:
        """Which points lie in a patch along one input, shape (k, patches)."""
        centres = torch.tensor(self.centres(i), dtype=x.dtype)
        t = (x[:, None] - centres) / torch.tensor(self.half_widths(i), dtype=x.dtype)
        if self.ring(i):
            t = t - 2 * self.counts[i] * torch.round(t / (2 * self.counts[i]))
        lower, upper = (torch.tensor(ends) for ends in self.edges(i))
        # A sample may miss a sliver of the region: a little more than the window itself.
        reach = 1 + 1.2 * overlap if overlap else 1.05
        return ((t >= -reach) | ~lower) & ((t <= reach) | ~upper)


def read_counts(patches: int | Sequence[int] | str, inputs: int) -> tuple[int, ...]:
    """Patches along each input.

    Args:
        patches: One number for all inputs, or one for each; ``"4,2"`` as on a command line.
        inputs: Number of inputs.

    Returns:
        As many numbers as inputs.

    Raises:
        ValueError: Their number does not fit.

    Example:
        >>> read_counts(3, inputs=2), read_counts("4,2", inputs=2)
        ((3, 3), (4, 2))
    """
    counts = parse_counts(patches)
    if isinstance(counts, int):
        return (counts,) * inputs
    if len(counts) != inputs:
        raise ValueError(
            f"patches={patches} gives {len(counts)} numbers for {inputs} inputs; give one number "
            "for all, or one for each coordinate in the problem's order."
        )
    return counts


def parse_counts(patches: int | Sequence[int] | str) -> int | tuple[int, ...]:
    """One whole number of patches, or several.

    Args:
        patches: Numbers, or their text.

    Returns:
        The numbers.

    Raises:
        ValueError: They are no whole numbers of at least 1.
    """
    if isinstance(patches, str):
        words = [word.strip() for word in patches.strip("[]() ").split(",")]
        found: list[Any] = [int(word) if word.isdecimal() else word for word in words]
        single = len(found) == 1
    else:
        single = isinstance(patches, int)
        found = [patches] if isinstance(patches, int) else list(patches)
    if not found or any(isinstance(m, bool) or not isinstance(m, int) or m < 1 for m in found):
        raise ValueError(
            f"patches={patches!r} must be a whole number of at least 1, or one for each "
            "coordinate, such as 4 or 4,2."
        )
    return found[0] if single else tuple(found)
