"""Rows of single conditions at fields that are given by formulas."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pdenet import Condition, Problem
from pdenet.geometry import Domain, Points
from pdenet.residuals import Residuals, tensors

RowsOf = Callable[..., tuple[Tensor, Points]]


class Formula(nn.Module):
    """Fields as a formula of the coordinates' columns, with a parameter that does nothing."""

    def __init__(self, formula: Callable[..., tuple[Any, ...]]) -> None:
        super().__init__()
        self.formula = formula
        self.unused = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        columns = [x[..., i] for i in range(x.shape[-1])]
        return torch.stack(self.formula(*columns), dim=-1)


@pytest.fixture
def rows_of() -> RowsOf:
    """Rows of a condition, and the points where they are taken."""

    def rows(
        condition: Condition,
        domain: Domain,
        formula: Callable[..., tuple[Any, ...]],
        fields: Any = "u",
        points: Points | None = None,
        **unknowns: float,
    ) -> tuple[Tensor, Points]:
        problem = Problem(
            domain=domain, fields=fields, conditions={"it": condition}, unknowns=unknowns
        )
        residuals = Residuals(problem, Formula(formula))
        if points is None:
            # A rule that integrates the formulas here to round-off.
            rule = condition.integral
            points = condition.on.quadrature(1000) if rule else condition.on.sample(20, seed=1)
        like = next(residuals.model.parameters())
        found = residuals({"it": tensors(condition, points, like)})["it"]
        torch.testing.assert_close(residuals.in_chunks({"it": points})["it"], found.detach())
        return found, points

    return rows
