"""Straight segments: interfaces, and the edges of polygons."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import torch
from torch import Tensor

from pdenet.geometry.base import Placed, Region, Rule
from pdenet.geometry.names import check_names, check_vector
from pdenet.geometry.unit import gauss, pick


class Segments(Region):
    """Several straight segments, drawn from in one sweep.

    In two dimensions normals point to the right of the way from start to end: outward for the edges
    of a polygon that is run through counter-clockwise. In other dimensions there are none.

    Args:
        coordinates: Names of the coordinates.
        starts: First end of each, m of d numbers.
        ends: Last end of each.
        label: Readable name.

    Raises:
        ValueError: A segment of zero length.
    """

    starts: Tensor
    steps: Tensor
    _lengths: Tensor
    _normals: Tensor | None

    def __init__(
        self,
        coordinates: Sequence[str],
        starts: Sequence[Sequence[float]],
        ends: Sequence[Sequence[float]],
        label: str,
    ) -> None:
        first = torch.tensor(starts, dtype=torch.float64)
        last = torch.tensor(ends, dtype=torch.float64)
        steps = last - first
        lengths = steps.norm(dim=1)
        if not bool((lengths > 0).all()):
            raise ValueError(f"'{label}' has a segment of zero length: its two ends are one point.")
        normals = None
        if first.shape[1] == 2:
            normals = torch.stack([steps[:, 1], -steps[:, 0]], 1) / lengths[:, None]
        both = torch.cat([first, last])
        low, high = both.amin(0).tolist(), both.amax(0).tolist()
        self._set(
            coordinates=tuple(coordinates),
            label=label,
            dimension=1,
            measure=float(lengths.sum()),
            bounds={c: (low[i], high[i]) for i, c in enumerate(coordinates)},
            unit=1,
            smooth=len(lengths) == 1,
            starts=first,
            steps=steps,
            _lengths=lengths,
            _normals=normals,
        )

    def _key(self) -> Hashable:
        ends = torch.cat([self.starts, self.steps], 1)
        return self.coordinates, self.label, tuple(map(tuple, ends.tolist()))

    def __repr__(self) -> str:
        return f"<{self.label}: {len(self.starts)} segment(s), length {self.measure:g}>"

    def pieces(self) -> tuple[Region, ...]:
        """Return each segment by itself.

        Returns:
            The segments.
        """
        if len(self.starts) == 1:
            return (self,)
        starts, ends = self.starts.tolist(), (self.starts + self.steps).tolist()
        return tuple(
            Segments(self.coordinates, [a], [b], self.label)
            for a, b in zip(starts, ends, strict=True)
        )

    def place(self, u: Tensor) -> Placed:
        """Walk along the segments.

        Args:
            u: Points of the unit interval, shape (n, 1).

        Returns:
            Their images.
        """
        if len(self.starts) == 1:
            normals = None if self._normals is None else self._normals.expand(len(u), -1)
            return Placed(torch.addcmul(self.starts, u, self.steps), normals)
        chosen, along = pick(u[:, 0], self._lengths)
        x = self.starts.index_select(0, chosen)
        x.addcmul_(along[:, None], self.steps.index_select(0, chosen))
        normals = self._normals
        return Placed(x, None if normals is None else normals.index_select(0, chosen))

    def rule(self, n: int) -> Rule:
        """Return Gauss-Legendre rules on the segments, sized by their lengths.

        Args:
            n: Number of nodes wanted.

        Returns:
            The rule.
        """
        sizes = [max(1, round(n * length / self.measure)) for length in self._lengths.tolist()]
        rules = [gauss(size) for size in sizes]
        chosen = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
        along = torch.cat([nodes for nodes, _ in rules])
        weight = torch.cat([weights for _, weights in rules]) * self._lengths[chosen]
        x = self.starts[chosen] + along[:, None] * self.steps[chosen]
        return Rule(x, weight, None if self._normals is None else self._normals[chosen])


class Segment(Segments):
    """A straight segment, for example an interface between two materials.

    Args:
        start: First end.
        end: Last end; normals point to the right of the way from start to end.
        coordinates: Names of the coordinates.

    Raises:
        ValueError: Ends equal, not finite, or not as many numbers as names.

    Example:
        >>> wall = Segment((0, 0), (0, 2))
        >>> wall.measure, wall.sample(5, seed=0)["nx"].tolist()
        (2.0, [1.0, 1.0, 1.0, 1.0, 1.0])
    """

    def __init__(
        self,
        start: Sequence[float],
        end: Sequence[float],
        *,
        coordinates: Sequence[str] = ("x", "y"),
    ) -> None:
        names = check_names(coordinates)
        first = check_vector(start, len(names), "Segment start")
        last = check_vector(end, len(names), "Segment end")
        super().__init__(names, [first], [last], "segment")
