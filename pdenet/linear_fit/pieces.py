"""Rows of networks of patches, taken apart: each touches the coefficients of few patches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from pdenet.geometry import Points
from pdenet.linear_fit.continuity import Continuity
from pdenet.linear_fit.kept_features import KeptFeatures, Room
from pdenet.linear_fit.sources import Sources, set_flat
from pdenet.linear_fit.superposition import affine_conditions
from pdenet.networks import BlockwiseLinear, PatchedNetwork, RandomFeatures, replaced
from pdenet.residuals import Residuals
from pdenet.tangent import RowSource

FEWEST = 8  # patches; below, one dense problem is as fast
ENOUGH = 250  # points of a piece: fewer cost calls, those of other patches cost empty columns


@dataclass(frozen=True, eq=False)
class Piece:
    """Some rows, and what gives them: a network of those patches alone that they touch.

    Args:
        source: What gives the rows.
        whole: All points of the source, by condition.
        points: Those of the piece.
        rows: Which of each condition's points these are.
        parameters: The coefficients of the source.
        columns: Which of all coefficients these are, in turn; None for all of them.
        touched: Blocks that each point's rows touch, by condition, shape (n, all blocks).
        form: Pieces of one form differ in patches and points alone.
        fixed: Whether J is made once: the rows are affine in the coefficients, others are not.
    """

    source: RowSource
    whole: Mapping[str, Points]
    points: Mapping[str, Points]
    rows: Mapping[str, Tensor | slice]
    parameters: Sequence[nn.Parameter]
    columns: Tensor | None = None
    touched: Mapping[str, Tensor] | None = None
    form: int = 0
    fixed: bool = False

    def refresh(self, flat: Tensor) -> None:
        """Takes over the present coefficients, where the source has copies of them.

        Args:
            flat: All of them.
        """
        if self.touched is not None:
            assert self.columns is not None
            set_flat(self.parameters, flat[self.columns])


@dataclass(frozen=True, eq=False)
class Apart:
    """All rows, piece by piece.

    Args:
        pieces: The pieces.
        columns: Columns of each block, in an order in which neighbours are near.
        order: Patch of each block but the last, which holds what all share.
    """

    pieces: Sequence[Piece]
    columns: Sequence[Tensor]
    order: Tensor


def take_apart(sources: Sources, parameters: Sequence[nn.Parameter]) -> Apart | None:
    """Takes rows apart by the patches that they touch.

    Args:
        sources: What gives rows, with points; the first one has all coefficients.
        parameters: The coefficients.

    Returns:
        None where rows touch all coefficients: the network has no patches or few, joins them by
        other layers, or rows are sums over all points.
    """
    cores = list(_cores(sources[0][0]))
    if not cores or not all(_is_local(core, cores[0]) for core in cores):
        return None
    if any(source.is_sum(name) for source, points in sources for name in points):
        return None
    order, room = _order(cores[0]), Room()
    owners = _owners(cores, parameters)
    blocks = torch.where(owners >= 0, torch.argsort(order)[owners], len(order))
    pieces = [
        replace(
            _piece(source, some, rows, touched, cores, parameters, order, blocks, room),
            form=form,
            fixed=fixed,
        )
        for form, (source, some, fixed) in enumerate(_by_affinity(sources))
        for rows, touched in _groups(source, some, cores, order)
    ]
    columns = [torch.nonzero(blocks == k)[:, 0] for k in range(len(order) + 1)]
    return Apart(pieces, columns, order)


def _by_affinity(sources: Sources) -> list[tuple[RowSource, Mapping[str, Points], bool]]:
    """Conditions of each source, with whether their J is worth keeping.

    Where all rows are affine it is not: one step is the solution.

    Args:
        sources: What gives rows, with points.

    Returns:
        Source, points by condition, and whether J stays what it is while that of others does not.
    """
    known = [_affine(source) for source, _ in sources]
    if all(set(points) <= names for (_, points), names in zip(sources, known, strict=True)):
        return [(source, points, False) for source, points in sources]
    parts = [
        (source, {n: p for n, p in points.items() if (n in names) == fixed}, fixed)
        for (source, points), names in zip(sources, known, strict=True)
        for fixed in (False, True)
    ]
    return [part for part in parts if part[1]]


def _affine(source: RowSource) -> frozenset[str]:
    """Conditions whose rows are known to be affine in the coefficients."""
    if isinstance(source, Continuity):
        return frozenset(source.names)
    return affine_conditions(source.problem) if isinstance(source, Residuals) else frozenset()


def _cores(source: Any) -> Iterator[PatchedNetwork]:
    return (m for m in source.modules() if isinstance(m, PatchedNetwork))


def _is_local(core: PatchedNetwork, like: PatchedNetwork) -> bool:
    same = core.grid.counts == like.grid.counts and core.grid.places == like.grid.places
    alone = core.trunk is None and core.overall is None
    return same and alone and len(core.grid.places) >= FEWEST


def _owners(cores: Sequence[PatchedNetwork], parameters: Sequence[nn.Parameter]) -> Tensor:
    """Patch of every coefficient; -1 for those of the whole problem, such as unknown constants."""
    layers = (m for core in cores for m in core.modules() if isinstance(m, BlockwiseLinear))
    counts = {id(p): layer.blocks for layer in layers for p in layer.parameters(recurse=False)}
    found = []
    for p in parameters:
        count = counts.get(id(p))
        patches = torch.tensor([-1]) if count is None else torch.arange(count)
        found.append(patches.repeat_interleave(p.numel() // len(patches)))
    return torch.cat(found)


def _order(core: PatchedNetwork) -> Tensor:
    """Patches by elimination: along the longest row first, so that neighbours are near."""
    counts, places = core.grid.counts, core.grid.places
    axes = sorted(range(len(counts)), key=lambda i: -counts[i])
    return torch.tensor(sorted(range(len(places)), key=lambda k: [places[k][i] for i in axes]))


Rows = dict[str, Tensor]


def _groups(
    source: RowSource, points: Mapping[str, Points], cores: Sequence[PatchedNetwork], order: Tensor
) -> Iterator[tuple[Rows, Rows]]:
    """Points whose first patches are neighbours, and the blocks that they touch; by condition."""
    touched = {name: _touched(source, name, points[name], cores)[:, order] for name in points}
    together = max(1, ENOUGH * len(order) // sum(map(len, points.values())))
    numbers = {name: found.byte().argmax(1) // together for name, found in touched.items()}
    for group in torch.cat(list(numbers.values())).unique():
        inside = {name: torch.nonzero(found == group)[:, 0] for name, found in numbers.items()}
        rows = {name: found for name, found in inside.items() if len(found)}
        yield rows, {name: touched[name][found] for name, found in rows.items()}


def _piece(
    source: RowSource,
    points: Mapping[str, Points],
    rows: Rows,
    touched: Rows,
    cores: Sequence[PatchedNetwork],
    parameters: Sequence[nn.Parameter],
    order: Tensor,
    blocks: Tensor,
    room: Room,
) -> Piece:
    some = torch.cat(list(touched.values())).any(0)
    patches = order[some].sort().values
    mine = set(map(id, _cores(source)))
    few = {c: _keeping(source, c.among(patches), room) for c in cores if id(c) in mine}
    copied: Any = replaced(source, few)
    names = {id(p): name for name, p in source.named_parameters()}
    used = torch.cat([some, torch.ones(1, dtype=torch.bool)])[blocks]
    used &= held_columns(source, parameters)
    return Piece(
        source=copied,
        whole=points,
        points={name: points[name].select(found) for name, found in rows.items()},
        rows=rows,
        parameters=_only(copied, [names[id(p)] for p in parameters if id(p) in names]),
        columns=torch.nonzero(used)[:, 0],
        touched=touched,
    )


def _keeping(source: RowSource, core: PatchedNetwork, room: Room) -> nn.Module:
    """Keeps random features of patches at their points; what joins patches asks for them once."""
    if isinstance(source, Continuity) or type(core.local) is not RandomFeatures:
        return core
    return KeptFeatures(core, room)


def held_columns(source: RowSource, parameters: Sequence[nn.Parameter]) -> Tensor:
    """Which coefficients a source has: what joins patches has those of one network alone.

    Args:
        source: The source.
        parameters: All coefficients.

    Returns:
        Shape (columns,).
    """
    own = {id(p) for _, p in source.named_parameters()}
    return torch.cat([torch.full((p.numel(),), id(p) in own) for p in parameters])


def _only(copied: Any, names: Sequence[str]) -> list[nn.Parameter]:
    """Parameters of these names; all others of the copy are held fixed."""
    own = dict(copied.named_parameters())
    for name, p in own.items():
        p.requires_grad_(name in names)
    return [own[name] for name in names]


def _touched(
    source: RowSource, name: str, points: Points, cores: Sequence[PatchedNetwork]
) -> Tensor:
    """Patches whose windows are not zero where a point's rows look, shape (n, patches)."""
    if isinstance(source, Continuity):
        return source.batch(name, points)["sign"].cpu() != 0
    mine = set(map(id, _cores(source)))
    watchers = {core: _Watcher(core) for core in cores if id(core) in mine}
    watched: Any = replaced(source, watchers)
    with torch.no_grad():
        watched.rows(name, watched.batch(name, points))
    return torch.stack([seen for w in watchers.values() for seen in w.seen]).any(0)


class _Watcher(nn.Module):
    """Stands for a network of patches: zero everywhere, but notes where it was asked."""

    def __init__(self, core: PatchedNetwork) -> None:
        super().__init__()
        self._windows = lambda x: core.windows(core.coordinates(x))  # no child: it gives no rows
        self._like = nn.Parameter(next(core.parameters())[:0].detach().clone())
        last = [m for m in core.modules() if isinstance(m, BlockwiseLinear)][-1]
        self._outputs = last.out_features
        self.seen: list[Tensor] = []

    def forward(self, x: Any) -> Any:
        values = x if isinstance(x, Tensor) else x.value
        self.seen.append((self._windows(values) != 0).cpu())
        return torch.cat([0 * x[..., :1]] * self._outputs, dim=-1)
