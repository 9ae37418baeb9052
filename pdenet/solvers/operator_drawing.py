"""The functions and points of a step."""

from __future__ import annotations

import zlib

import torch
from torch import Tensor

from pdenet.conditions import OperatorData
from pdenet.functions import Ensemble, permuted
from pdenet.geometry import Points
from pdenet.operators import CHANNELS, SENSORS, OperatorResiduals, channels
from pdenet.residuals import Batch, tensors
from pdenet.sampling import Sampler
from pdenet.solvers.drawing import Drawing

KEPT = 2**26  # numbers: input functions at points are kept for all functions up to this many


class OperatorDrawing(Drawing):
    """Draws functions and points, both pure functions of (seed, step).

    An epoch goes through all functions in a random order; the points of data likewise. Rows are
    those of every drawn function at every drawn point; no larger product is ever formed.

    Args:
        residuals: Network with its problem.
        sampler: Where the points of residuals come from.
        ensemble: Functions to train with.
        functions: Functions of a step.
        data_points: Points of a step at which data are compared.
        seed: Non-negative whole number.

    Attributes:
        whole: Whether the step takes all functions and all points of data, as optimizers do that
            compare losses of different steps.
    """

    residuals: OperatorResiduals

    def __init__(
        self,
        residuals: OperatorResiduals,
        sampler: Sampler,
        ensemble: Ensemble,
        *,
        functions: int,
        data_points: int,
        seed: int,
    ) -> None:
        super().__init__(residuals, sampler)
        self.ensemble, self.seed = ensemble, seed
        self.functions, self.data_points = min(functions, len(ensemble)), data_points
        self.whole = False
        self._chosen: tuple[object, ...] | None = None
        self._draws = 0
        self._kept: dict[str, tuple[Batch, Points, Tensor | float]] = {}
        self._orders: dict[tuple[int, ...], Tensor] = {}
        self._seen: dict[str, Tensor] = {}
        self._factors: dict[str, Tensor] = {}

    def at(self, step: int) -> bool:
        """Draws the functions and points of a step.

        Args:
            step: The step that decides them.

        Returns:
            Whether others took the place of some before.
        """
        moved = super().at(step)
        chosen = self._draws, None if self.whole else step
        if chosen == self._chosen:
            return moved
        replaced, self._chosen = self._chosen is not None, chosen
        index = self._cycle("functions", len(self.ensemble), self.functions, step)
        like = next(self.residuals.model.parameters())
        if not self._seen or next(iter(self._seen.values())).device != like.device:
            self._seen = self.ensemble.tensors(like)
        self.batch = {SENSORS: {name: values[index] for name, values in self._seen.items()}}
        if self.whole:  # optimizers that take J ask for it at these pairs
            self.residuals.pair_with(self.ensemble, index)
        for name, condition in self.residuals.conditions.items():
            if isinstance(condition, OperatorData):
                self._compare(name, condition, index, step)
            else:
                self._judge(name, index)
        return replaced

    def _take(self, name: str, points: Points) -> None:
        """A condition's points, and the input functions there."""
        super()._take(name, points)
        self._draws += 1
        if isinstance(self.residuals.conditions[name], OperatorData):
            return
        batch, problem = dict(self.batch[name]), self.residuals.problem
        layouts = problem.demands[name].layouts
        width = sum(len(v) for n, v in layouts.items() if n.removesuffix("_to") in problem.inputs)
        if width * len(points) * len(self.ensemble) <= KEPT:
            batch |= channels(problem, name, self.ensemble.functions, batch)
        self._kept[name] = batch, self.mine[name], self._shares[name]

    def _tensors(self, name: str, points: Points) -> Batch:
        """Of points alone: which functions they meet changes from step to step."""
        like = next(self.residuals.model.parameters())
        return tensors(self.residuals.conditions[name], points, like)

    def _judge(self, name: str, index: Tensor) -> None:
        """Tensors of a condition whose residual is to vanish for the chosen functions."""
        kept, points, share = self._kept[name]
        m = len(index)
        batch = {k: v for k, v in kept.items() if not k.startswith(CHANNELS)}
        if len(batch) < len(kept):
            batch |= {k: v[..., index] for k, v in kept.items() if k.startswith(CHANNELS)}
        else:
            functions = self.ensemble[index.tolist()].functions
            batch |= channels(self.residuals.problem, name, functions, batch)
        self.batch[name] = batch
        integral = self.residuals.conditions[name].integral
        self.mine[name] = points if integral else points.select(_repeated(len(points), m))
        self._shares[name] = (_repeat(share, m) if isinstance(share, Tensor) else share) / m

    def _compare(self, name: str, data: OperatorData, index: Tensor, step: int) -> None:
        """Tensors of data for the chosen functions at some of their points."""
        like = next(self.residuals.model.parameters())
        first = data.tables[data.fields[0]]
        if len(first) < len(self.ensemble):
            raise ValueError(
                f"Data {name!r} hold {len(first)} functions, fewer than the {len(self.ensemble)} "
                "to train with."
            )
        columns = self._cycle(name, first.shape[1], self.data_points, step)
        index = index.cpu()
        values = torch.stack([data.tables[f][index][:, columns] for f in data.fields], dim=-1)
        own = data.own
        x = data.on.quadrature(1).x[columns] if own is None else own[index][:, columns]
        if name not in self._factors:
            self._factors[name] = data.factors()
        self.batch[name] = {
            "x": x.to(like),
            "values": values.transpose(0, 1).to(like),
            "factor": self._factors[name][index].to(like),
        }
        points = self.points[name].select(columns)
        self.mine[name] = points.select(_repeated(len(points), len(index)))
        self._shares[name] = 1 / len(self.mine[name])

    def _cycle(self, name: str, total: int, wanted: int, step: int) -> Tensor:
        """Which of ``total`` a step takes: parts of random orders, one after the other."""
        if self.whole or wanted >= total:
            return torch.arange(total)
        parts = total // wanted
        key = (self.seed, zlib.crc32(name.encode()), step // parts)
        if key not in self._orders:
            self._orders = {k: v for k, v in self._orders.items() if k[1] != key[1]}
            self._orders[key] = permuted(total, key)
        part = step % parts
        return self._orders[key][part * wanted : (part + 1) * wanted]


def _repeated(n: int, m: int) -> Tensor:
    """Rows of n points, each m times in turn."""
    return _repeat(torch.arange(n), m)


def _repeat(values: Tensor, m: int) -> Tensor:
    return values.repeat_interleave(m)
