"""Rows of an operator for given functions at any points, as J takes them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pdenet.conditions import OperatorData
from pdenet.functions import Ensemble
from pdenet.geometry import Points
from pdenet.operators.channels import CHANNELS, channels
from pdenet.operators.residuals import OperatorResiduals
from pdenet.residuals import Batch, tensors


class OperatorRows(nn.Module):
    """Rows of an operator at pairs of points and given functions, as J takes them.

    Each point has the rows of all functions. Squares of all rows of a condition add up to their
    mean over pairs.

    Args:
        residuals: Problem and network.
        ensemble: The functions; of data, those that the first tables belong to.

    Attributes:
        functions: Their number m.
    """

    def __init__(self, residuals: OperatorResiduals, ensemble: Ensemble) -> None:
        super().__init__()
        self.residuals, self.ensemble, self.functions = residuals, ensemble, len(ensemble)

    @property
    def names(self) -> tuple[str, ...]:
        """The trained conditions."""
        return tuple(self.residuals.conditions)

    def batch(self, name: str, points: Points) -> Batch:
        """Tensors of one condition's points, and its functions or data there.

        Args:
            name: The condition.
            points: Its points; of data, some of those that it has.

        Returns:
            Tensors whose first axis is that of the points.
        """
        condition = self.residuals.conditions[name]
        like = next(self.residuals.model.parameters())
        if not isinstance(condition, OperatorData):
            batch = tensors(self.residuals.problem.known[name], points, like)
            found = channels(self.residuals.problem, name, self.ensemble.functions, batch)
            return batch | {key: value.movedim(1, 0) for key, value in found.items()}
        assert points.index is not None
        index, m = points.index.cpu(), self.functions
        tables = [condition.tables[field][:m, index].T for field in condition.fields]
        own = condition.own
        x = points.x if own is None else own[:m, index].transpose(0, 1)
        return {"x": x.to(like), "values": torch.stack(tables, dim=-1).to(like)}

    def rows(self, name: str, batch: Batch) -> Tensor:
        """Rows at points, for each those of all functions.

        Args:
            name: The condition.
            batch: Its tensors.

        Returns:
            Shape (n, m k); (1, m) for an integral.
        """
        like = next(self.residuals.model.parameters())
        crossed = self.residuals.crossed(self.ensemble.tensors(like))
        condition = self.residuals.conditions[name]
        if isinstance(condition, OperatorData):
            rows = crossed.misfit(condition, self._as_drawn(condition, batch, like))
        else:
            layout = self.residuals.problem.layout(name)
            turned = {n: v.movedim(0, 1) if n.startswith(CHANNELS) else v for n, v in batch.items()}
            rows = crossed.rows(name, crossed.fields(turned, layout), turned)
        return rows.reshape(1 if self.is_sum(name) else len(batch["x"]), -1)

    def _as_drawn(self, data: OperatorData, batch: Batch, like: Tensor) -> Batch:
        """Tensors as a step has them: functions first where each has its own points."""
        x = batch["x"]
        x = x.transpose(0, 1) if x.ndim == 3 else x
        return {**batch, "x": x, "factor": data.factors().to(like)}

    def scale(self, name: str, points: Points) -> Tensor:
        """One over the root of the number of pairs; scalar."""
        count = self.functions * (1 if self.is_sum(name) else len(points))
        return next(self.residuals.model.parameters()).new_tensor(count**-0.5)

    def is_sum(self, name: str) -> bool:
        """Whether a function has one row, the sum over all points."""
        return self.residuals.conditions[name].integral
