"""A network made of local ones: each in a patch's own coordinates, joined by windows."""

from __future__ import annotations

import copy
import itertools
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from pdenet.networks.blocks import BlockwiseLinear
from pdenet.networks.embeddings import PeriodicEmbedding
from pdenet.networks.partition_of_unity.grid import Grid
from pdenet.networks.partition_of_unity.windows import Window
from pdenet.networks.replacing import replaced
from pdenet.networks.routing import routed

MANY = 8  # patches; to evaluate each at its own points is faster then than all at all points


class PatchedNetwork(nn.Module):
    r"""Sum over patches n of :math:`\psi_n(x)\, v_n((x - x_n) / r_n)`.

    Centres, half widths and windows are fixed; windows sum to one. Along a periodic input with
    several patches these close to a ring, and the sum is periodic with as many derivatives as
    windows have; with one patch, local networks get cosines and sines in its place.

    Args:
        grid: The patches, in scaled inputs.
        window: Their windows.
        local: The local networks side by side: (n, patches, :attr:`inputs`) to
            (n, patches, outputs).
        trunk: Takes all windowed outputs of ``local`` as features, (n, patches * outputs), in
            place of their sum; None for the sum.
        overall: A network of the whole domain that is added, of cosines and sines along periodic
            inputs; or None.
        harmonics: Waves along periodic inputs with one patch, and for ``overall``.

    Raises:
        ValueError: Windows of patches of unequal width overlap.

    Reference:
        Chen, Chi, E and Yang, Bridging traditional and machine learning-based algorithms for
        solving PDEs: the random feature method, J. Mach. Learn. 1(3), 268-298 (2022).
    """

    slopes: Tensor
    offsets: Tensor
    periods: Tensor
    lower: Tensor
    upper: Tensor
    places: Tensor

    def __init__(
        self,
        grid: Grid,
        window: Window,
        local: nn.Module,
        *,
        trunk: nn.Module | None = None,
        overall: nn.Module | None = None,
        harmonics: int = 3,
    ) -> None:
        super().__init__()
        if grid.nodes and window.conforming:
            raise ValueError(
                f"Window {window.name!r} overlaps neighbours of equal width; patches of unequal "
                "width take 'hard'."
            )
        self.grid, self.window = grid, window
        self.local, self.trunk, self.overall = local, trunk, overall
        self._register(grid)
        single, every = _embeddings(grid, harmonics)
        self.waves = single
        self.embedding = every if overall is not None else None

    def _register(self, grid: Grid) -> None:
        """Rows of all patches along all inputs: local coordinates are one product."""
        counts, d = grid.counts, len(grid.counts)
        starts = list(itertools.accumulate(counts, initial=0))
        slopes, offsets, periods = torch.zeros(starts[-1], d), [], []
        lower, upper = [], []
        for i, count in enumerate(counts):
            halves = grid.half_widths(i)
            slopes[starts[i] : starts[i + 1], i] = 1 / torch.tensor(halves)
            offsets += [-c / half for c, half in zip(grid.centres(i), halves, strict=True)]
            periods += [2.0 * count if grid.ring(i) else 0.0] * count
            ends = grid.edges(i)
            lower, upper = lower + ends[0], upper + ends[1]
        places = [[starts[i] + n for i, n in enumerate(place)] for place in grid.places]
        for name, values in (
            ("slopes", slopes),
            ("offsets", torch.tensor(offsets)),
            ("periods", torch.tensor(periods)),
            ("lower", torch.tensor(lower)),
            ("upper", torch.tensor(upper)),
            ("places", torch.tensor(places)),
        ):
            self.register_buffer(name, values)
        # Inputs whose windows are not constant, and those that local networks see as they are.
        self.windowed = [i for i in range(d) if counts[i] > 1]
        self.direct = [i for i in range(d) if counts[i] > 1 or i not in grid.periods]

    @property
    def conforming(self) -> bool:
        """Whether the network is continuous across patches."""
        return self.window.conforming or len(self.grid.places) == 1

    def coordinates(self, x: Tensor) -> Tensor:
        """Local coordinates of points in every row of patches, shape (n, sum of the counts)."""
        t = linear(x, self.slopes, self.offsets)
        if not any(map(self.grid.ring, range(len(self.grid.counts)))):
            return t
        inverse = torch.where(self.periods > 0, 1 / self.periods, 0)
        return t - self.periods * torch.round(t * inverse)

    def windows(self, t: Tensor) -> Any:
        """Windows of all patches at local coordinates, shape (n, patches); they sum to one."""
        if self.window.conforming:
            along = self.window(t, self.lower, self.upper)
        else:
            along = self._cells(t if isinstance(t, Tensor) else t.value)
        product = along[..., self.places[:, self.windowed[0]]]
        for i in self.windowed[1:]:
            product = product * along[..., self.places[:, i]]
        return product

    def _cells(self, t: Tensor) -> Tensor:
        """One in the patch where a point lies, along each input; counted from the first patch."""
        parts = []
        for i, part in enumerate(t.split(self.grid.counts, dim=-1)):
            count, first = self.grid.counts[i], part[..., :1]
            cell = torch.bucketize(first.contiguous(), self._inner(i, first), right=True)
            if self.grid.ring(i):
                cell = torch.floor((first + 1) / 2) % count
            parts.append(cell == torch.arange(count, device=t.device))
        return torch.cat(parts, dim=-1).to(t.dtype)

    def _inner(self, i: int, like: Tensor) -> Tensor:
        """Edges between patches along an input, in coordinates of the first."""
        halves, centres = self.grid.half_widths(i), self.grid.centres(i)
        ends = [(c + h - centres[0]) / halves[0] for c, h in zip(centres, halves, strict=True)]
        return like.new_tensor(ends[:-1])

    def parts(self, x: Tensor, t: Tensor) -> Tensor:
        """What local networks give everywhere, without windows.

        Args:
            x: Points, shape (..., inputs).
            t: Their local coordinates.

        Returns:
            Shape (..., patches, outputs of a local network).
        """
        return self.local(self.local_inputs(x, t))

    def local_inputs(self, x: Tensor, t: Tensor) -> Tensor:
        """What local networks get: local coordinates, and waves along periodic inputs.

        Args:
            x: Points, shape (..., inputs).
            t: Their local coordinates.

        Returns:
            Shape (..., patches, inputs of a local network).
        """
        inputs = [t[..., self.places[:, self.direct]]] if self.direct else []
        if self.waves is not None:
            waves = self.waves(x)[..., len(self.grid.counts) - self._ringless :]
            inputs.append(waves.unsqueeze(-2).expand(*x.shape[:-1], len(self.places), -1))
        return inputs[0] if len(inputs) == 1 else torch.cat(inputs, dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (..., outputs) from (..., inputs)."""
        if self.each_alone and not torch.is_grad_enabled():
            values = x if isinstance(x, Tensor) else x.value
            windows = self.windows(self.coordinates(values))
            if bool(windows.any(-1).all()):  # else a region leaves patches out
                return routed(x, windows.argmax(-1), self._alone)
        t = self.coordinates(x)
        u = self.parts(x, t)
        if self.windowed:
            u = u * self.windows(t).unsqueeze(-1)
        u = u.sum(-2) if self.trunk is None else self.trunk(u.flatten(-2))
        if self.overall is None:
            return u
        return u + self.overall(x if self.embedding is None else self.embedding(x))

    @property
    def each_alone(self) -> bool:
        """Whether patches are evaluated one by one, each at its own points, without gradients."""
        alone = self.trunk is None and self.overall is None and not self.conforming
        return alone and len(self.places) >= MANY

    def _alone(self, patch: int) -> PatchedNetwork:
        return self.among(torch.tensor([patch]))

    def among(self, patches: Tensor) -> PatchedNetwork:
        """A network of some of the patches, with weights of its own: the same where others vanish.

        Args:
            patches: Their numbers, increasing.

        Returns:
            The network, without parts that are common to all patches.
        """
        few = copy.copy(self)
        few._modules, few._buffers = dict(self._modules), dict(self._buffers)
        few.grid = replace(self.grid, places=tuple(self.grid.places[k] for k in patches.tolist()))
        few.places = self.places[patches.to(self.places.device)]
        layers = [m for m in self.local.modules() if isinstance(m, BlockwiseLinear)]
        few.local = replaced(self.local, {m: m.among(patches) for m in layers})
        return few

    @property
    def _ringless(self) -> int:
        """Periodic inputs with one patch."""
        return sum(i in self.grid.periods and m == 1 for i, m in enumerate(self.grid.counts))

    def extra_repr(self) -> str:
        """Returns patches and window, for ``print(network)``."""
        return f"patches={self.grid.counts}, kept={len(self.places)}, window={self.window.name}"


def _embeddings(
    grid: Grid, harmonics: int
) -> tuple[PeriodicEmbedding | None, PeriodicEmbedding | None]:
    """Waves along periodic inputs with one patch, and along all of them."""
    d = len(grid.counts)
    single = {i: p for i, p in grid.periods.items() if not grid.ring(i)}
    every = PeriodicEmbedding(d, grid.periods, harmonics) if grid.periods else None
    return (PeriodicEmbedding(d, single, harmonics) if single else None), every


def local_inputs(grid: Grid, harmonics: int) -> int:
    """Number of inputs that each local network gets."""
    single = sum(i in grid.periods and m == 1 for i, m in enumerate(grid.counts))
    return len(grid.counts) - single + 2 * harmonics * single


def overall_inputs(grid: Grid, harmonics: int) -> int:
    """Number of inputs that a network of the whole domain gets."""
    return len(grid.counts) - len(grid.periods) + 2 * harmonics * len(grid.periods)


def width_at_once(model: nn.Module) -> int:
    """Entries of the widest layer that are held at once for a point, without gradients.

    Args:
        model: Any network.

    Returns:
        The width; where patches are evaluated one by one, a part of one patch's, as points spread
        over many of them.
    """
    cores = [m for m in model.modules() if isinstance(m, PatchedNetwork) and m.each_alone]
    shares = {id(p): MANY * len(core.places) for core in cores for p in core.parameters()}
    widths = (p.shape[0] // shares.get(id(p), 1) for p in model.parameters() if p.ndim)
    return max([1, *widths])
