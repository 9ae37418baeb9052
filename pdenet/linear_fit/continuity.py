"""Rows that join the patches of a network with hard windows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from pdenet.geometry import Points
from pdenet.jets import Jet, Layout, propagate
from pdenet.linear_fit.sources import Sources
from pdenet.networks import PatchedNetwork
from pdenet.problem import Problem
from pdenet.residuals import Batch

SIDE = 1e-6  # of a patch's half width: from a point of a face into the patches on both sides


class Continuity(nn.Module):
    """Jumps of values and normal derivatives between patches; a source of rows.

    An equation of order k needs derivatives up to order k - 1 to be continuous: with hard windows
    nothing else joins the patches. Its conditions are the inputs along which there are several
    patches, by name.

    Args:
        network: A network of patches, in scaled inputs.
        coordinates: Names of the inputs.
        orders: Order of the equations along each input.
    """

    def __init__(
        self, network: PatchedNetwork, coordinates: tuple[str, ...], orders: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.network, self.coordinates, self.orders = network, coordinates, orders

    @property
    def names(self) -> tuple[str, ...]:
        """Inputs with several patches."""
        return tuple(
            self.coordinates[i] for i in self.network.windowed if self._faces(i) and self.orders[i]
        )

    def points(self, on_face: int) -> dict[str, Points]:
        """Even points on all faces between patches.

        Args:
            on_face: Points on each face; one where faces are points.

        Returns:
            Points by input, in scaled inputs.
        """
        return {n: self._points(self.coordinates.index(n), on_face) for n in self.names}

    def batch(self, name: str, points: Points) -> Batch:
        """Points, and which patches meet there.

        Args:
            name: The input that faces are normal to.
            points: Points of faces.

        Returns:
            ``x`` (n, d), and ``sign`` (n, patches): 1 behind the face, -1 before it.
        """
        like = next(self.network.parameters())
        x = points.x.to(like)
        i = self.coordinates.index(name)
        step = torch.zeros_like(x[:1])
        step[:, i] = SIDE * min(self.network.grid.half_widths(i))
        before, behind = (self._patch(x + s * step) for s in (-1, 1))
        return {"x": x, "sign": behind - before}

    def rows(self, name: str, batch: Batch) -> Tensor:
        """Jumps of every output: the value, then derivatives across the face, (n, outputs k)."""
        i = self.coordinates.index(name)
        layout = Layout(self.coordinates, [(i,) * k for k in range(self.orders[i])])

        def jump(x: Tensor) -> Tensor:
            parts = self.network.parts(x, self.network.coordinates(x))
            return (parts * batch["sign"].unsqueeze(-1)).sum(-2)

        jet: Jet = propagate(jump, batch["x"], layout)
        return torch.cat([jet.channels[c] for c in range(len(layout))], dim=-1)

    def scale(self, name: str, points: Points) -> Tensor:
        """Factor that makes squared rows add up to their mean; scalar."""
        return next(self.network.parameters()).new_tensor(len(points) ** -0.5)

    def is_sum(self, name: str) -> bool:
        """No: each point has rows of its own."""
        return False

    def _patch(self, x: Tensor) -> Tensor:
        return self.network.windows(self.network.coordinates(x))

    def _faces(self, i: int) -> list[tuple[int, ...]]:
        """Places whose next neighbour along an input is there too."""
        grid = self.network.grid
        there = set(grid.places)

        def behind(place: tuple[int, ...]) -> tuple[int, ...]:
            n = place[i] + 1
            return (*place[:i], n % grid.counts[i] if grid.ring(i) else n, *place[i + 1 :])

        return [place for place in grid.places if behind(place) in there]

    def _points(self, i: int, on_face: int) -> Points:
        grid = self.network.grid
        d = len(grid.counts)
        even = _even(d - 1, on_face)
        found = []
        for place in self._faces(i):
            half = [grid.half_widths(k)[n] for k, n in enumerate(place)]
            centre = [grid.centres(k)[n] for k, n in enumerate(place)]
            local = torch.cat([even[:, :i], even.new_ones(len(even), 1), even[:, i:]], dim=1)
            found.append(local.new_tensor(centre) + local.new_tensor(half) * local)
        x = torch.cat(found)
        ones = torch.ones(len(x), dtype=torch.float64)
        return Points(self.coordinates, x, ones, ones, space=self.coordinates)


def _even(d: int, n: int) -> Tensor:
    """About n points of [-1, 1]^d on a grid of cell midpoints; one point where d is 0."""
    side = max(1, round(n ** (1 / d))) if d else 1
    line = (2 * torch.arange(side, dtype=torch.float64) + 1) / side - 1
    return torch.tensor(list(itertools.product(line.tolist(), repeat=d)), dtype=torch.float64)


def continuity(problem: Problem, model: nn.Module, on_face: int) -> Sources:
    """What joins the patches of a network, where its windows do not.

    Args:
        problem: The problem; its order along each coordinate says how smooth the joints must be.
        model: The network.
        on_face: Points on each face between two patches.

    Returns:
        Sources of rows, one for each part of the network that has hard windows.
    """
    sources = []
    for core in _patched(model):
        if not core.conforming:
            source = Continuity(core, problem.coordinates, orders(problem))
            points = source.points(on_face)
            if points:
                sources.append((source, points))
    return sources


def points_on_face(model: nn.Module, inside: int) -> int:
    """Points on each face between two patches that suit so many points inside.

    Args:
        model: The network.
        inside: Points of the whole domain.

    Returns:
        Twice as many as a row of a patch's points has; one without patches.
    """
    grid = next((core.grid for core in _patched(model)), None)
    if grid is None:
        return 1
    d = len(grid.counts)
    return max(1, round(2 * (inside / len(grid.places)) ** ((d - 1) / d)))


def orders(problem: Problem) -> tuple[int, ...]:
    """Highest order of the equations' derivatives along each coordinate.

    Args:
        problem: The problem.

    Returns:
        One number a coordinate.

    Example:
        >>> from pdenet.problems.heat_1d import heat_1d
        >>> orders(heat_1d())
        (2, 1)
    """
    found = [0] * len(problem.coordinates)
    for demand in problem.demands.values():
        for index in demand.layout.channels:
            for i in range(len(found)):
                times = sum(2 * (i in f) if isinstance(f, tuple) else f == i for f in index)
                found[i] = max(found[i], times)
    return tuple(found)


def _patched(model: nn.Module) -> Iterator[PatchedNetwork]:
    return (m for m in model.modules() if isinstance(m, PatchedNetwork))
