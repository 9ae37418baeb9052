"""Takes over another network's values, by least squares of the last layer."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pdenet.geometry import Points
from pdenet.linear_fit.last_layer import last_layer
from pdenet.linear_fit.rows import ScaledRows
from pdenet.linear_fit.solve import solve_rows
from pdenet.linear_fit.sources import set_flat
from pdenet.residuals import Batch


class Values(nn.Module):
    """Differences of a network's values from given ones; a source of rows.

    Args:
        model: Maps (n, coordinates) to (n, outputs).
        wanted: Gives the values at points, shape (n, outputs).
        points: All points that rows will be asked for: values are computed for all at once.
    """

    def __init__(
        self, model: nn.Module, wanted: Callable[[Tensor], Tensor], points: Points
    ) -> None:
        super().__init__()
        self.model = model
        with torch.no_grad():
            self._values = wanted(points.x.to(next(model.parameters())))
        self._place = {digits: i for i, digits in enumerate(_digits(points))}

    @property
    def names(self) -> tuple[str, ...]:
        """One condition."""
        return ("values",)

    def batch(self, name: str, points: Points) -> Batch:
        """Points, and the wanted values there."""
        place = torch.tensor([self._place[digits] for digits in _digits(points)])
        x = points.x.to(self._values)
        return {"x": x, "wanted": self._values[place.to(x.device)]}

    def rows(self, name: str, batch: Batch) -> Tensor:
        """Differences, shape (n, outputs)."""
        return self.model(batch["x"]) - batch["wanted"]

    def scale(self, name: str, points: Points) -> Tensor:
        """Factor that makes squared rows add up to their mean; scalar."""
        return next(self.model.parameters()).new_tensor(len(points) ** -0.5)

    def is_sum(self, name: str) -> bool:
        """No: each point has rows of its own."""
        return False


def take_over(model: nn.Module, wanted: Callable[[Tensor], Tensor], points: Points) -> None:
    """Fits a network's last layer to given values.

    Args:
        model: Its last layer is changed in place.
        wanted: Gives the values at points (n, d), shape (n, outputs).
        points: Where they are compared.
    """
    parameters = last_layer(model, points.x[:5].to(next(model.parameters())))
    set_flat(parameters, torch.zeros(sum(p.numel() for p in parameters)))
    source = Values(model, wanted, points)
    rows = ScaledRows([(source, {"values": points})], parameters, scaled=False)
    set_flat(parameters, solve_rows(rows, cut=1e-12).solution.x)


def _digits(points: Points) -> list[bytes]:
    """What tells points apart."""
    return [row.tobytes() for row in points.x.cpu().numpy()]
