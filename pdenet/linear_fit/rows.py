"""Scaled rows of the least-squares problem for the last layer, made block by block."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from pdenet.geometry import Points
from pdenet.linear_fit.last_layer import coefficients, only_trained
from pdenet.residuals import Residuals
from pdenet.tangent import RowSource, Tangent

ROW_BYTES = 2**25  # rows of J made at once; the features' derivatives take some times as much

Sources = Sequence[tuple[RowSource, Mapping[str, Points]]]
"""What gives rows, each with its points: a problem's residuals, and what joins patches."""


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
        self._points = [dict(points) for _, points in sources]
        self._tangents: list[Tangent] = []

    def blocks(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Rows and their values, both scaled.

        Yields:
            Shapes (n, columns) and (n,), on the CPU.
        """
        found: list[Tensor] = []
        start = 0
        with only_trained(self._sources, self.parameters):
            if not self._tangents:
                self._prepare()
            pairs = zip(self._tangents, self._values(), self._points, strict=True)
            for tangent, values, points in pairs:
                factors = self._factors(tangent, points)
                for rows, block in tangent.blocks():
                    block = self._padded(block.cpu())
                    if self.scales is None:
                        found.append(self._scale(block) * factors[rows])
                        scale = found[-1]
                    else:
                        scale = self.scales[start : start + len(block)]
                    start += len(block)
                    yield block.mul_(scale[:, None]), values[rows] * scale
        if found:
            self.scales = torch.cat(found)

    def _prepare(self) -> None:
        """Tangents try their sources: at zero, since sums of large terms differ by round-off."""
        kept = flattened(self.parameters)
        set_flat(self.parameters, torch.zeros_like(kept))
        pairs = zip(self._sources, self._points, strict=True)
        self._tangents = [Tangent(source, points, ROW_BYTES) for source, points in pairs]
        set_flat(self.parameters, kept)

    def norm(self) -> float:
        """Norm of the scaled values at the present coefficients."""
        assert self.scales is not None, "make the rows once, so that they have scales"
        return float((torch.cat(list(self._values())) * self.scales).norm())

    def root_mean_square(self) -> float:
        """The same a row."""
        assert self.scales is not None
        return self.norm() / math.sqrt(len(self.scales))

    def make_scales(self) -> None:
        """Makes the rows for their scales' sake."""
        for _ in self.blocks():
            pass

    def _values(self) -> Iterator[Tensor]:
        """Unscaled values of every source, by forward sweeps alone."""
        size = max(1, ROW_BYTES // (8 * self.columns))
        for source, points in zip(self._sources, self._points, strict=True):
            names = [name for name in source.names if name in points]
            yield torch.cat([_values(source, name, points[name], size) for name in names])

    def _padded(self, block: Tensor) -> Tensor:
        missing = self.columns - block.shape[1]  # unknown constants, of which patches know nothing
        return torch.nn.functional.pad(block, (0, missing)) if missing else block

    def _scale(self, block: Tensor) -> Tensor:
        largest = block.abs().amax(1)
        ones = torch.ones_like(largest)
        return torch.where(largest > 0, 1 / largest, ones) if self.scaled else ones

    def _factors(self, tangent: Tangent, points: Mapping[str, Points]) -> Tensor:
        """Roots of the weights of conditions and points, shape (rows,)."""
        factors = torch.ones(tangent.shape[0], dtype=torch.float64)
        for name, rows in tangent.rows.items():
            factors[rows] *= math.sqrt(self.weights.get(name, 1.0))
            weight = points[name].weight
            each, rest = divmod(rows.stop - rows.start, len(weight))
            if self.weighted and not rest:
                factors[rows] *= (weight / weight.mean()).sqrt().repeat_interleave(each)
        return factors


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


def flattened(parameters: Sequence[nn.Parameter]) -> Tensor:
    """Parameters as one vector on the CPU."""
    return torch.cat([p.detach().flatten() for p in parameters]).cpu()


@torch.no_grad()
def set_flat(parameters: Sequence[nn.Parameter], flat: Tensor) -> None:
    """Takes parameters from one vector."""
    pieces = flat.split([p.numel() for p in parameters])
    for p, piece in zip(parameters, pieces, strict=True):
        p.copy_(piece.view_as(p))


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
        return torch.cat([block for block, _ in scaled.blocks()])

    return rows
