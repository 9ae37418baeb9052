"""All functions at all points: one sweep of the trunk serves every function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from pdenet.conditions import OperatorData, stack_rows
from pdenet.jets import Jet, Layout, propagate
from pdenet.networks.deeponet import DeepONet
from pdenet.operators.channels import CHANNELS, known_jets
from pdenet.operators.data import misfit
from pdenet.problem import Problem
from pdenet.residuals import Batch, named_fields, with_partners


class Crossed:
    """Fields and rows of m functions at points; pairs take the place of points, points in turn.

    Args:
        problem: The problem.
        model: The network.
        unknowns: Constants that are trained beside it.
        coefficients: What the branches make of the functions.

    Attributes:
        functions: Their number m.
    """

    def __init__(
        self, problem: Problem, model: DeepONet, unknowns: nn.ParameterDict, coefficients: Tensor
    ) -> None:
        self.problem, self.model, self.unknowns = problem, model, unknowns
        self.coefficients, self.functions = coefficients, len(coefficients)

    def fields(self, batch: Batch, layout: Layout) -> dict[str, Jet]:
        """Every field's jet at pairs.

        Args:
            batch: A condition's points, and their partners if it has any.
            layout: Which partials.

        Returns:
            Jets by field, shape (n m,).
        """
        here = self._fields_at(batch["x"], layout)
        if "x_to" not in batch:
            return here
        return with_partners(here, self._fields_at(batch["x_to"], layout))

    def _fields_at(self, x: Tensor, layout: Layout) -> dict[str, Jet]:
        jet = propagate(lambda x: self.model.combine(x, self.coefficients), x, layout)
        # Pairs take the place of points: from here on nothing mixes them.
        return named_fields(Jet(layout, jet.channels.flatten(1, 2)), self.problem.shapes)

    def rows(self, name: str, fields: Mapping[str, Jet], batch: Batch) -> Tensor:
        """Rows of one condition at pairs.

        Args:
            name: The condition.
            fields: From :meth:`fields`.
            batch: What else it takes, by point; input functions with channels of shape (c, n, m).

        Returns:
            Shape (n m,), or (n m, k) for k equations; (m,) for an integral.
        """
        condition, demand = self.problem.known[name], self.problem.demands[name]
        m, taken = self.functions, {"x", *demand.names}
        given: dict[str, Any] = {
            key: value.repeat_interleave(m, 0)
            for key, value in batch.items()
            if key in taken and not key.startswith(CHANNELS)
        }
        jets = {**fields, **known_jets(demand, batch, lambda held: held.flatten(1, 2))}
        arguments = demand.arguments(jets, given["x"], {**given, **self.unknowns})
        rows = stack_rows(condition.residual(**arguments), len(given["x"]))
        if not condition.integral:
            return rows
        weighted = batch["weight"][:, None] * rows.reshape(-1, m)
        return weighted.sum(0) / condition.normalization

    def misfit(self, data: OperatorData, batch: Batch) -> Tensor:
        """Predicted less given values, each field in units of its own size.

        Args:
            data: Which fields are known.
            batch: Points (n, d), or (m, n, d) where each function has its own; ``values`` (n, m,
                fields) and their ``factor``.

        Returns:
            Shape (n m, fields).
        """
        if batch["x"].ndim == 3:
            outputs = self.model.paired(batch["x"], self.coefficients).transpose(0, 1)
        else:
            outputs = self.model.combine(batch["x"], self.coefficients)
        return misfit(outputs, data, self.problem.shapes, batch).flatten(0, 1)
