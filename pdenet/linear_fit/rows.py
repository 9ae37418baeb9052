"""Scaled rows of the least-squares problem for the last layer, made block by block."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pdenet.geometry import Points
from pdenet.linear_fit.last_layer import coefficients, only_trained
from pdenet.linear_fit.piece_rows import PieceRows, rows_of
from pdenet.linear_fit.pieces import Piece, held_columns, take_apart
from pdenet.linear_fit.sources import Sources, flattened, set_flat
from pdenet.residuals import Residuals
from pdenet.tangent import Tangent


@dataclass(frozen=True, eq=False)
class Block:
    """Scaled rows and their values, on the CPU.

    Args:
        start: Number of the first row.
        a: Rows, shape (n, columns).
        b: Values, shape (n,).
        columns: Which columns these are; None for all.
        patterns: Sets of blocks that rows touch, shape (patterns, all blocks); no blocks where rows
            are not taken apart.
        pattern: Which of them each row touches, shape (n,).
    """

    start: int
    a: Tensor
    b: Tensor
    columns: Tensor | None
    patterns: Tensor
    pattern: Tensor

    def in_all(self, columns: int) -> Tensor:
        """Rows with zeros in the columns that they do not touch.

        Args:
            columns: Number of all columns.

        Returns:
            Shape (n, columns).
        """
        if self.columns is None:
            return self.a
        whole = self.a.new_zeros(len(self.a), columns)
        whole[:, self.columns] = self.a
        return whole


class ScaledRows:
    r"""Rows of J in the coefficients, and their values, each multiplied by a scale of its own.

    Scales are those of the first pass, :math:`\lambda_i = 1 / \max_k |J_{ik}|`, so that equations,
    boundary values and data of any units count alike.

    Args:
        sources: What gives rows; the first one has all coefficients.
        parameters: The coefficients.
        weights: Factor of each condition's squares, besides the scaling; 1 where absent.
        scaled: Whether rows are scaled; else they are those of J.
        weighted: Whether squares are multiplied by the points' quadrature weights besides, over
            their mean, as points of other than uniform density ask.

    Attributes:
        scales: Factor of every row, once rows have been made.

    Reference:
        Chen, Chi, E, Yang, J. Mach. Learn. 1(3), 2022, 268-298, section 2 (rescaling).
    """

    def __init__(
        self,
        sources: Sources,
        parameters: Sequence[nn.Parameter],
        weights: Mapping[str, float] | None = None,
        scaled: bool = True,
        weighted: bool = False,
    ) -> None:
        self.weighted = weighted
        self.parameters = list(parameters)
        self.columns = sum(p.numel() for p in self.parameters)
        self.weights, self.scaled = dict(weights or {}), scaled
        self.scales: Tensor | None = None
        self._sources = [source for source, _ in sources]
        apart = take_apart(sources, self.parameters)
        self.block_columns = None if apart is None else apart.columns
        self._order = None if apart is None else apart.order
        self._pieces = _whole(sources, self.parameters) if apart is None else apart.pieces
        self._made: list[PieceRows] = []
        self._known: tuple[Tensor, list[Tensor]] | None = None

    def blocks(self) -> Iterator[Block]:
        """Rows and their values, both scaled.

        Yields:
            Rows of bounded memory.
        """
        found: list[Tensor] = []
        start = 0
        with only_trained(self._sources, self.parameters):
            if not self._made:
                self._prepare()
            for made, values in zip(self._made, self._values(), strict=True):
                factors = self._factors(made.tangent, made.piece)
                for rows, block in made.blocks():
                    if self.scales is None:
                        found.append(self._scale(block) * factors[rows])
                        scale = found[-1]
                    else:
                        scale = self.scales[start : start + len(block)]
                    a, b = block * scale[:, None], values[rows] * scale
                    pattern = made.pattern[rows]
                    yield Block(start, a, b, made.piece.columns, made.patterns, pattern)
                    start += len(block)
        if found:
            self.scales = torch.cat(found)

    def _prepare(self) -> None:
        """Makes what makes rows, where all coefficients are zero."""
        kept = flattened(self.parameters)
        self._refresh(torch.zeros_like(kept))
        self._made = rows_of(self._pieces)
        self._refresh(kept)

    def _refresh(self, flat: Tensor) -> None:
        set_flat(self.parameters, flat)
        for piece in self._pieces:
            piece.refresh(flat)

    def values(self) -> Tensor:
        """Scaled values at the present coefficients, shape (rows,)."""
        assert self.scales is not None, "make the rows once, so that they have scales"
        return torch.cat(self._values()) * self.scales

    def norm(self) -> float:
        """Norm of the scaled values at the present coefficients."""
        return float(self.values().norm())

    def root_mean_square(self) -> float:
        """The same a row."""
        values = self.values()
        return float(values.norm()) / math.sqrt(len(values))

    def mean_squares(self) -> dict[str, float]:
        """Means of the squares of each condition's residuals, neither scaled nor weighted.

        Returns:
            One number a condition of the problem; what joins patches has none.
        """
        sums: dict[str, float] = {}
        counts: dict[str, int] = {}
        for made, values in zip(self._made, self._values(), strict=True):
            if not isinstance(made.piece.source, Residuals):
                continue
            for name, (squares, count) in made.squares(values).items():
                sums[name] = sums.get(name, 0.0) + squares
                counts[name] = counts.get(name, 0) + count
        return {name: sums[name] / counts[name] for name in sums}

    def left_in_patches(self) -> Tensor | None:
        """Sum of the squares of the scaled values in each patch; rows of several count in each.

        Returns:
            Shape (patches,); None where rows were not taken apart by patches.
        """
        if self._order is None:
            return None
        squares = self.values().square()
        touched = torch.cat([made.patterns[made.pattern] for made in self._made])
        found = squares.new_zeros(len(self._order))
        found[self._order] = squares @ touched.to(squares.dtype)
        return found

    def make_scales(self) -> None:
        """Makes the rows for their scales' sake."""
        for _ in self.blocks():
            pass

    def _values(self) -> list[Tensor]:
        """Unscaled values of every piece, by forward sweeps alone."""
        flat = flattened(self.parameters)
        # A line search ends where the next step begins.
        if self._known is None or not torch.equal(self._known[0], flat):
            self._known = flat, [made.values(flat) for made in self._made]
        return self._known[1]

    def _scale(self, block: Tensor) -> Tensor:
        largest = block.abs().amax(1)
        ones = torch.ones_like(largest)
        return torch.where(largest > 0, 1 / largest, ones) if self.scaled else ones

    def _factors(self, tangent: Tangent, piece: Piece) -> Tensor:
        """Roots of the weights of conditions and points, shape (rows,)."""
        factors = torch.ones(tangent.shape[0], dtype=torch.float64)
        for name, rows in tangent.rows.items():
            every = piece.whole[name]
            weight = every.weight[piece.rows[name]]
            factors[rows] *= math.sqrt(self.weights.get(name, 1.0))
            if not self.scaled:  # the mean is over all points
                factors[rows] *= math.sqrt(len(weight) / len(every))
            each, rest = divmod(rows.stop - rows.start, len(weight))
            if self.weighted and not rest:
                factors[rows] *= (weight / every.weight.mean()).sqrt().repeat_interleave(each)
        return factors


def _whole(sources: Sources, parameters: Sequence[nn.Parameter]) -> list[Piece]:
    """Sources as they are."""
    found = []
    for form, (source, points) in enumerate(sources):
        rows, columns = dict.fromkeys(points, slice(None)), held_columns(source, parameters)
        every = bool(columns.all())
        held = [p for p in parameters if any(p is own for _, own in source.named_parameters())]
        place = None if every else torch.nonzero(columns)[:, 0]
        found.append(Piece(source, points, points, rows, held, place, form=form))
    return found


def row_maker(residuals: Residuals) -> Callable[[str, Points], Tensor]:
    """Scaled rows of single conditions in the coefficients, at any points.

    Args:
        residuals: Problem and network.

    Returns:
        Function of a condition's name and points, to shape (rows, columns).
    """
    parameters = coefficients(residuals)

    def rows(name: str, points: Points) -> Tensor:
        scaled = ScaledRows([(residuals, {name: points})], parameters)
        return torch.cat([block.in_all(scaled.columns) for block in scaled.blocks()])

    return rows
