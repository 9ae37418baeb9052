"""Problem and network, at points, give rows of residuals: one forward sweep, no graph per partial.

The module maps ``{condition: tensors}`` to ``{condition: rows}``. Conditions on the same points
share one sweep of the network with the union of their demands.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pdenet.conditions import Condition, stack_rows
from pdenet.functions import Functions
from pdenet.geometry import Points
from pdenet.jets import Demand, Jet, Layout, propagate
from pdenet.networks.dry_run import check_module
from pdenet.networks.partition_of_unity import width_at_once
from pdenet.problem import Problem
from pdenet.residuals.batch import Batch, input_jets, tensors
from pdenet.residuals.sweeps import named_fields, sweeps, with_partners
from pdenet.residuals.unknowns import constants

CHUNK_BYTES = 2**28  # intermediate channels of one chunk; small enough for any machine


class Residuals(nn.Module):
    """Stacked residual rows of a problem's conditions for one network.

    Args:
        problem: The problem.
        model: Maps coordinates (n, d) to all field components (n, m), in the order of
            ``problem.fields``.
        imposed: Conditions that the model satisfies by its form; they are left out.
        trained: Names of the rows that :meth:`forward` gives: conditions, and integrals of the
            energy, whose rows are the values of their densities. None means the problem's
            conditions.
        inputs: One function for each of the problem's input functions, whose solution the model
            gives.

    Raises:
        ValueError: The model's output does not fit the problem's fields, a name in ``imposed`` is
            not a condition, or input functions are missing.
    """

    def __init__(
        self,
        problem: Problem,
        model: nn.Module,
        imposed: Collection[str] = (),
        trained: Collection[str] | None = None,
        inputs: Mapping[str, Functions] | None = None,
    ) -> None:
        super().__init__()
        wanted = problem.conditions if trained is None else trained
        if unknown := {*imposed, *wanted} - set(problem.known):
            raise ValueError(
                f"imposed={sorted(unknown)} are not conditions of problem {problem.name!r}; it has "
                f"{list(problem.conditions)}."
            )
        self.problem = problem
        self.model = model
        self.inputs = self.check_inputs(inputs)
        self.conditions: dict[str, Condition] = {
            n: c for n, c in problem.known.items() if n in wanted and n not in imposed
        }
        self.check_model()
        self.unknowns = constants(problem, model)
        self._layout_of = {name: problem.layout(name) for name in problem.known}
        layouts = {name: self._layout_of[name] for name in self.conditions}
        self.sweeps = tuple(sweeps(self.conditions, layouts))

    def forward(self, batch: Mapping[str, Batch]) -> dict[str, Tensor]:
        """Rows of every condition.

        Args:
            batch: Tensors of each condition, from :func:`tensors`; conditions on the same region
                have the same points.

        Returns:
            Rows by condition, shape (n,), or (n, k) for k equations at a point; (1,) for an
            integral.
        """
        rows: dict[str, Tensor] = {}
        for sweep in self.sweeps:
            fields = self._both(batch[sweep.conditions[0]], sweep.layout, sweep.paired)
            for name in sweep.conditions:
                rows[name] = self.rows_of(name, fields, batch[name])
        return {name: rows[name] for name in self.conditions}

    def rows(self, name: str, batch: Batch) -> Tensor:
        """Rows of one condition, by a sweep of its own.

        Args:
            name: The condition; an imposed one too.
            batch: Its tensors, from :func:`tensors`.

        Returns:
            As :meth:`forward`.
        """
        layout, paired = self._layout_of[name], self.problem.known[name].paired
        return self.rows_of(name, self._both(batch, layout, paired), batch)

    @property
    def names(self) -> tuple[str, ...]:
        """The trained conditions, in the order of the stacked rows."""
        return tuple(self.conditions)

    def batch(self, name: str, points: Points) -> Batch:
        """What a condition's rows take, on the network's device and in its precision."""
        return tensors(self.problem.known[name], points, next(self.model.parameters()))

    def scale(self, name: str, points: Points) -> Tensor:
        """Factor that makes a condition's squared rows add up to their mean; scalar."""
        count = 1 if self.is_sum(name) else len(points)
        return next(self.model.parameters()).new_tensor(1 / math.sqrt(count))

    def is_sum(self, name: str) -> bool:
        """Whether a condition has one row, the sum over all of its points."""
        return self.problem.known[name].integral

    def rows_of(self, name: str, fields: Mapping[str, Jet], tensors: Batch) -> Tensor:
        """Rows of one condition for given fields.

        Args:
            name: The condition.
            fields: A jet by field, and for pairs by field with the suffix ``_to``.
            tensors: What else it takes, from :func:`tensors`.

        Returns:
            As :meth:`forward`.
        """
        condition = self.problem.known[name]
        given = {**tensors, **self.unknowns}  # a constant may be called "weight"
        known = {**fields, **self._inputs_at(name, tensors)}
        arguments = self.problem.demands[name].arguments(known, tensors["x"], given)
        rows = stack_rows(condition.residual(**arguments), len(tensors["x"]))
        if not condition.integral:
            return rows
        return (tensors["weight"] * rows).sum().reshape(1) / condition.normalization

    def _inputs_at(self, name: str, tensors: Batch) -> dict[str, Jet]:
        """Input functions, with the partials that a condition asks for."""
        if not self.inputs:
            return {}
        jets = input_jets(self.problem, name, self.inputs, tensors)
        return {n: jet[..., 0] for n, jet in jets.items()}

    def check_inputs(self, inputs: Mapping[str, Functions] | None) -> dict[str, Functions]:
        """Refuses a problem with input functions unless there is one of each.

        Args:
            inputs: Functions by input, or None.

        Returns:
            The functions.

        Raises:
            ValueError: One is missing, or there are several.
        """
        given = dict(inputs or {})
        counts = {name: len(functions) for name, functions in given.items()}
        if given.keys() != self.problem.inputs.keys() or any(n != 1 for n in counts.values()):
            raise ValueError(
                f"Problem {self.problem.name!r} has the input functions "
                f"{tuple(self.problem.inputs)}; one function for each is needed, and {counts} "
                "came. An operator for all of them is trained by the solver 'deeponet'."
            )
        return given

    def check_model(self) -> None:
        """Refuses a network that does not fit the problem.

        Raises:
            ValueError: It has no parameters, or other inputs or outputs.
        """
        problem, model = self.problem, self.model
        if next(model.parameters(), None) is None:
            raise ValueError("The network has no parameters to train; give an nn.Module with some.")
        check_module(model, len(problem.coordinates), problem.outputs, problem.coordinates)

    def _both(self, batch: Batch, layout: Layout, paired: bool) -> dict[str, Jet]:
        """Fields at the points and, under names with a suffix, at their partners."""
        shapes = self.problem.shapes
        here = named_fields(self.outputs(batch, "x", layout), shapes)
        if not paired:
            return here
        return with_partners(here, named_fields(self.outputs(batch, "x_to", layout), shapes))

    def outputs(self, batch: Batch, place: str, layout: Layout) -> Jet:
        """The network's outputs and their partials at a batch's points.

        Args:
            batch: Tensors of a condition.
            place: The key of the points, ``x`` or ``x_to``.
            layout: Which partials.

        Returns:
            A jet of shape (n, outputs).
        """
        return propagate(self.model, batch[place], layout)

    def fields(self, x: Tensor, layout: Layout) -> dict[str, Jet]:
        """Every field's value and partials at points, by one sweep of the network.

        Args:
            x: Shape (n, d).
            layout: Which partials.

        Returns:
            A jet by field.
        """
        return named_fields(propagate(self.model, x, layout), self.problem.shapes)

    @torch.no_grad()
    def in_chunks(self, points: Mapping[str, Points]) -> dict[str, Tensor]:
        """Rows at any number of points within bounded memory, without a graph.

        Args:
            points: Points of the wanted conditions, imposed ones too.

        Returns:
            Rows by condition, as :meth:`forward`.

        Raises:
            ValueError: There is no condition of a name.
        """
        if unknown := set(points) - set(self.problem.known):
            raise ValueError(
                f"Problem {self.problem.name!r} has no conditions {sorted(unknown)}; it has "
                f"{list(self.problem.known)}."
            )
        return {name: self._one_in_chunks(name, p) for name, p in points.items()}

    def _one_in_chunks(self, name: str, points: Points) -> Tensor:
        condition, layout = self.problem.known[name], self._layout_of[name]
        like = next(self.model.parameters())
        size, pieces = self.chunk_size(layout), []
        for start in range(0, max(len(points), 1), size):
            batch = tensors(condition, points.select(slice(start, start + size)), like)
            pieces.append(self.rows(name, batch))
        return torch.stack(pieces).sum(0) if condition.integral else torch.cat(pieces)

    @torch.no_grad()
    def evaluate(self, function: Callable[..., Any], demand: Demand, x: Tensor) -> Tensor:
        """A function of named fields at any number of points, without a graph.

        Args:
            function: The function that ``demand`` was discovered from.
            demand: What it needs.
            x: Coordinates, shape (n, d).

        Returns:
            Shape (n,), or (n, k) where the function returns a tuple.
        """
        pieces, given = [], dict(self.unknowns.items())
        for part in x.split(self.chunk_size(demand.layout)):
            arguments = demand.arguments(self.fields(part, demand.layout), part, given)
            pieces.append(stack_rows(function(**arguments), len(part)))
        return torch.cat(pieces)

    @property
    def value_chunk(self) -> int:
        """Points whose values alone are computed at once."""
        return self.chunk_size(next(iter(self.problem.demands.values())).layout)

    def chunk_size(self, layout: Layout) -> int:
        """Points whose channels fit in the chunk's memory at the widest layer."""
        widest = width_at_once(self.model)
        itemsize = next(self.model.parameters()).element_size()
        per_point = 4 * widest * len(layout.channels) * itemsize
        return max(1, CHUNK_BYTES // per_point)
