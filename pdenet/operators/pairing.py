"""Each point with one function: the pairs of which a Jacobian is made."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.conditions import Condition, OperatorData
from pdenet.functions import Ensemble
from pdenet.geometry import Points
from pdenet.operators.channels import SENSORS, channels
from pdenet.problem import Problem
from pdenet.residuals import Batch, tensors


@dataclass(frozen=True)
class Pairing:
    """Functions that points are paired with in turn.

    Args:
        functions: The functions, repeated in turn where there are more points.
        numbers: Their numbers among the functions that data are of, shape (m,), or None where
            data are of others.
    """

    functions: Ensemble
    numbers: Tensor | None = None

    @torch.no_grad()
    def batch(
        self, problem: Problem, name: str, condition: Condition, points: Points, like: Tensor
    ) -> Batch:
        """Tensors of pairs.

        Args:
            problem: The problem.
            name: The condition's name.
            condition: The condition; the points of an integral are all for the first function.
            points: Its points.
            like: Tensor whose dtype and device are taken.

        Returns:
            Tensors by name, whose first axis is that of the points.
        """
        n = len(points)
        which = torch.arange(n) % (1 if condition.integral else len(self.functions))
        sensors = self.functions.tensors(like)
        seen = {_sensors_of(v): values[which] for v, values in sensors.items()}
        if isinstance(condition, OperatorData):
            return {**seen, **self._data(condition, points, which, like)}
        batch = tensors(condition, points, like)
        jets = channels(problem, name, self.functions.functions, batch)
        own = {key: value[:, torch.arange(n), which].T for key, value in jets.items()}
        return {**seen, **batch, **own}

    def _data(self, data: OperatorData, points: Points, which: Tensor, like: Tensor) -> Batch:
        assert points.index is not None
        index = points.index.cpu()
        x, values = points.x, torch.zeros(len(points), len(data.fields))
        if self.numbers is not None:
            which = self.numbers[which]
            values = torch.stack([data.tables[f][which, index] for f in data.fields], -1)
            x = x if data.own is None else data.own[which, index]
        factor = data.factors()[which % len(data.tables[data.fields[0]])]
        return {"x": x.to(like), "values": values.to(like), "factor": factor.to(like)}


def sensors_in(batch: Batch, problem: Problem) -> dict[str, Tensor]:
    """What the branches see at pairs.

    Args:
        batch: Tensors of pairs, from :meth:`Pairing.batch`.
        problem: The problem.

    Returns:
        By input, shape (n, sensors).
    """
    return {name: batch[_sensors_of(name)] for name in problem.inputs}


def _sensors_of(name: str) -> str:
    return f"{SENSORS} of {name}"
