r"""Rows of a trained network with a correction, :math:`u = u_0 + \epsilon u_1`, where u_0 is fixed.

Values and partials of u_0 are computed once for each set of points and held with them: a training
step then costs what the correction alone costs.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from pdenet.geometry import Points
from pdenet.jets import Jet, Layout, propagate
from pdenet.residuals import Batch, Residuals

HELD = "before "
"""Keys of a batch under which channels of the fixed network are, points first."""


class Corrected(nn.Module):
    """A trained network, held fixed, plus a scaled correction.

    Args:
        before: The trained network; its parameters are frozen.
        correction: Maps the same inputs to as many outputs.
        scale: Factor of each of the correction's outputs, shape (m,).

    Example:
        >>> both = Corrected(nn.Linear(1, 1), nn.Linear(1, 1), torch.tensor([1e-3]))
        >>> [p.requires_grad for p in both.parameters()]
        [False, False, True, True]
    """

    scale: Tensor

    def __init__(self, before: nn.Module, correction: nn.Module, scale: Tensor) -> None:
        super().__init__()
        self.before = before.requires_grad_(False)
        self.correction = correction
        self.register_buffer("scale", scale)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, coordinates) to (n, outputs)."""
        return self.before(x) + self.corrected(x)

    def corrected(self, x: Tensor) -> Tensor:
        """What is added, shape (n, outputs)."""
        return self.scale * self.correction(x)


class CorrectedRows(Residuals):
    """Residual rows of a corrected network, each divided by the size of those before.

    Unknown constants go on from where they were, by steps of that size.

    Args:
        before: Problem and trained network.
        correction: The correction's network.
        scale: Factor of each of its outputs, shape (m,).
        size: What rows are divided by.
    """

    size: Tensor

    def __init__(
        self, before: Residuals, correction: nn.Module, scale: Tensor, size: float
    ) -> None:
        model = Corrected(before.model, correction, scale)
        imposed = set(before.problem.conditions) - set(before.conditions)
        super().__init__(before.problem, model, imposed, inputs=before.inputs)
        # A buffer: a resumed run goes on with the number that it began with.
        self.register_buffer("size", scale.new_tensor(size))
        for name, value in before.unknowns.items():
            with torch.no_grad():
                self.unknowns[name].zero_()
            shifted = _Shifted(value.detach().clone(), self.size)
            parametrize.register_parametrization(self.unknowns, name, shifted, unsafe=True)
        self._layouts = {
            name: {self.problem.layout(name), sweep.layout}
            for sweep in self.sweeps
            for name in sweep.conditions
        }

    def batch(self, name: str, points: Points) -> Batch:
        """What a condition's rows take, with channels of the fixed network there.

        Args:
            name: The condition.
            points: Its points.

        Returns:
            Tensors by name, whose first axis is that of the points.
        """
        batch = super().batch(name, points)
        for layout in self._layouts.get(name, ()):
            for place in ("x", "x_to"):
                if place in batch:
                    batch[_key(place, layout)] = self._before(batch[place], layout)
        return batch

    def rows_of(self, name: str, fields: Mapping[str, Jet], tensors: Batch) -> Tensor:
        """Rows of one condition for given fields.

        Args:
            name: The condition.
            fields: A jet by field, and for pairs by field with the suffix ``_to``.
            tensors: What else it takes.

        Returns:
            As :meth:`forward`.
        """
        return super().rows_of(name, fields, tensors) / self.size

    def outputs(self, batch: Batch, place: str, layout: Layout) -> Jet:
        """All outputs at a batch's points; of the fixed network, those that are held.

        Args:
            batch: Tensors of a condition.
            place: The key of the points.
            layout: Which partials.

        Returns:
            Shape (n, outputs).
        """
        held = batch.get(_key(place, layout))
        if held is None:
            return super().outputs(batch, place, layout)
        assert isinstance(self.model, Corrected)
        return Jet(layout, held.movedim(1, 0)) + propagate(
            self.model.corrected, batch[place], layout
        )

    @torch.no_grad()
    def _before(self, x: Tensor, layout: Layout) -> Tensor:
        assert isinstance(self.model, Corrected)
        parts = x.split(self.chunk_size(layout))
        jets = [propagate(self.model.before, part, layout).channels for part in parts]
        return torch.cat(jets, dim=1).movedim(0, 1).contiguous()


class _Shifted(nn.Module):
    """An unknown constant as its value before and a step in units of the residual's size."""

    value: Tensor
    size: Tensor

    def __init__(self, value: Tensor, size: Tensor) -> None:
        super().__init__()
        self.register_buffer("value", value)
        self.register_buffer("size", size)

    def forward(self, step: Tensor) -> Tensor:
        return self.value + self.size * step


def _key(place: str, layout: Layout) -> str:
    return f"{HELD}{place} {layout.channels}"
