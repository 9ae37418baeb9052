"""Rows of one piece and their values; what no coefficient changes is made once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from pdenet.geometry import Points
from pdenet.linear_fit.pieces import Piece
from pdenet.tangent import Part, RowSource, Tangent

ROW_BYTES = 2**25  # rows of J made at once; the features' derivatives take some times as much
KEPT_BYTES = 2**29  # of all rows that are kept


class PieceRows:
    """Rows of J and values of a piece, unscaled; to be built where all coefficients are zero.

    Args:
        piece: The piece.
        known: Parts of other pieces of its form, by condition.

    Attributes:
        piece: As given.
        tangent: Makes the rows.
        keeps: Whether J is kept; set where the piece is fixed and memory allows.
        patterns: Sets of blocks of columns that rows touch, shape (patterns, all blocks); no blocks
            where rows are not taken apart.
        pattern: Which of them each row touches, shape (rows,).
    """

    def __init__(self, piece: Piece, known: Mapping[str, Part] | None = None) -> None:
        self.piece = piece
        # It tries its source, and sums of large terms would differ by round-off.
        self.tangent = Tangent(piece.source, piece.points, ROW_BYTES, known=known)
        self.keeps = False
        self._at_zero = _values_of(piece) if piece.fixed else None
        self._kept: list[tuple[slice, Tensor]] = []
        self.patterns, self.pattern = _patterns(self.tangent, piece)

    @property
    def bytes(self) -> int:
        """What J takes."""
        rows, columns = self.tangent.shape
        return 8 * rows * columns

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """J in blocks, on the CPU, not to be changed in place.

        Yields:
            Which rows, and J, shape (rows, columns of the piece).
        """
        if not self.keeps:
            yield from ((rows, block.cpu()) for rows, block in self.tangent.blocks())
            return
        if not self._kept:
            self._kept = [(rows, block.cpu()) for rows, block in self.tangent.blocks()]
        yield from self._kept

    def values(self, flat: Tensor) -> Tensor:
        """Values of all rows.

        Args:
            flat: Coefficients of the whole, shape (columns of the whole,).

        Returns:
            Shape (rows,).
        """
        self.piece.refresh(flat)
        if not self._kept or self._at_zero is None:
            return _values_of(self.piece)
        mine = flat if self.piece.columns is None else flat[self.piece.columns]
        return self._at_zero + torch.cat([block @ mine for _, block in self._kept])

    def squares(self, values: Tensor) -> dict[str, tuple[float, int]]:
        """Sums of squares of each condition's residuals, and over how many points or sums.

        Args:
            values: What :meth:`values` gave.

        Returns:
            By condition.
        """
        found = {}
        for name, rows in self.tangent.rows.items():
            summed = self.piece.source.is_sum(name)
            count = rows.stop - rows.start if summed else len(self.piece.points[name])
            scale = float(self.piece.source.scale(name, self.piece.points[name]))
            found[name] = float((values[rows] / scale).square().sum()), count
        return found


def rows_of(pieces: Sequence[Piece]) -> list[PieceRows]:
    """Rows of all pieces; what stays is kept as far as memory allows.

    Args:
        pieces: The pieces.

    Returns:
        One for each.
    """
    known: dict[int, dict[str, Part]] = {}
    made, room = [], KEPT_BYTES
    for piece in pieces:
        tried = known.setdefault(piece.form, {})
        one = PieceRows(piece, tried)
        tried.update({n: p for n, p in one.tangent.parts.items() if n not in tried})
        one.keeps = piece.fixed and one.bytes <= room
        room -= one.bytes if one.keeps else 0
        made.append(one)
    return made


def _patterns(tangent: Tangent, piece: Piece) -> tuple[Tensor, Tensor]:
    """Sets of blocks, and which of them each row touches: those of its point."""
    if piece.touched is None:
        return torch.zeros(1, 0), torch.zeros(tangent.shape[0], dtype=torch.long)
    parts = []
    for name, rows in tangent.rows.items():
        touched = piece.touched[name]
        parts.append(touched.repeat_interleave((rows.stop - rows.start) // len(touched), dim=0))
    every = torch.cat(parts)
    # Sorted as bytes: many times as fast as row by row.
    packed = np.packbits(every.numpy(), axis=1)
    words = packed.view(f"V{packed.shape[1]}")[:, 0]
    _, first, which = np.unique(words, return_index=True, return_inverse=True)
    return every[torch.from_numpy(first)], torch.from_numpy(which)


def _values_of(piece: Piece) -> Tensor:
    """Unscaled values at the coefficients of the source, by forward sweeps alone."""
    size = max(1, ROW_BYTES // (8 * sum(p.numel() for p in piece.parameters)))
    names = [name for name in piece.source.names if name in piece.points]
    return torch.cat([_values(piece.source, name, piece.points[name], size) for name in names])


@torch.no_grad()
def _values(source: RowSource, name: str, points: Points, size: int) -> Tensor:
    """Values of one condition's rows as J holds them, shape (rows,), on the CPU."""
    parts = [
        source.rows(name, source.batch(name, points.select(slice(start, start + size)))).cpu()
        for start in range(0, len(points), size)
    ]
    scale = source.scale(name, points).cpu().reshape(-1, 1)
    if source.is_sum(name):
        return (scale * torch.stack(parts).sum(0)).flatten()
    rows = torch.cat(parts)
    return (scale * rows.reshape(len(rows), -1)).flatten()
