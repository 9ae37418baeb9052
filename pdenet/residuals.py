"""Problem and network, at points, give rows of residuals: one forward sweep, no graph per partial.

The module maps ``{condition: tensors}`` to ``{condition: rows}``. Conditions on the same points
share one sweep of the network with the union of their demands.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pdenet.conditions import Condition, stack_rows
from pdenet.functions import Functions
from pdenet.geometry import Points
from pdenet.jets import Demand, Jet, Layout, propagate
from pdenet.networks.dry_run import check_module
from pdenet.networks.partition_of_unity import width_at_once
from pdenet.problem import Problem, Unknown

Batch = dict[str, Tensor]
"""What one condition needs at its points: ``x``, for pairs ``x_to``, ``weight``, normals, data."""

CHUNK_BYTES = 2**28  # intermediate channels of one chunk; small enough for any machine


@dataclass(frozen=True)
class _Sweep:
    """One pass of the network: the conditions that share its points, and the channels they need."""

    conditions: tuple[str, ...]
    layout: Layout
    paired: bool


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
        self.unknowns = _constants(problem, model)
        layouts = {name: problem.layout(name) for name in self.conditions}
        self.sweeps = tuple(_sweeps(self.conditions, layouts))

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
        layout, paired = self.problem.layout(name), self.problem.known[name].paired
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
        fields = self._split(self.outputs(batch, "x", layout))
        if paired:
            there = self._split(self.outputs(batch, "x_to", layout))
            fields |= {f"{name}_to": jet for name, jet in there.items()}
        return fields

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
        return self._split(propagate(self.model, x, layout))

    def _split(self, jet: Jet) -> dict[str, Jet]:
        """Outputs (n, outputs) as named fields of their shapes."""
        fields, start = {}, 0
        for name, shape in self.problem.shapes.items():
            stop = start + math.prod(shape)
            fields[name] = jet[..., start] if shape == () else _component(jet, start, stop, shape)
            start = stop
        return fields

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
        condition, layout = self.problem.known[name], self.problem.layout(name)
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


def tensors(condition: Condition, points: Points, like: Tensor) -> Batch:
    """What a condition's residual takes, on the network's device and in its precision.

    Args:
        condition: The condition.
        points: Its points.
        like: Tensor whose dtype and device are taken.

    Returns:
        Tensors by name.
    """
    points = points.to(dtype=like.dtype, device=like.device)
    batch = {"x": points.x, "weight": points.weight, **condition.data(points)}
    if points.normals is not None:
        batch |= {f"n{name}": points[f"n{name}"] for name in points.space}
    if condition.shift:
        name, distance = condition.shift
        step = torch.zeros_like(points.x[:1])
        step[:, points.coordinates.index(name)] = distance
        batch["x_to"] = points.x + step
    return batch


def input_jets(
    problem: Problem, name: str, inputs: Mapping[str, Functions], tensors: Batch
) -> dict[str, Jet]:
    """Input functions at a condition's points, and at their partners under names with a suffix.

    Args:
        problem: The problem.
        name: The condition.
        inputs: Functions by name, the same number of each.
        tensors: The condition's ``x`` and, if it is paired, ``x_to``.

    Returns:
        Jets of shape (n, m), one column a function, of those inputs that the condition takes.
    """
    jets = {}
    for suffix, points in (("", "x"), ("_to", "x_to")):
        for n, functions in inputs.items():
            layout = problem.demands[name].layouts.get(n + suffix)
            if layout is not None:
                columns = [problem.coordinates.index(c) for c in functions.coordinates]
                seen = _Columns(functions, columns)
                jets[n + suffix] = propagate(seen, tensors[points], layout)
    return jets


@dataclass(frozen=True)
class _Columns:
    """Functions of some of the coordinates as functions of all."""

    functions: Functions
    columns: list[int]

    def __call__(self, x: Tensor) -> Tensor:
        return self.functions(torch.stack([x[..., i] for i in self.columns], dim=-1))


def _sweeps(conditions: Mapping[str, Condition], layouts: Mapping[str, Layout]) -> Iterator[_Sweep]:
    """Conditions grouped by region.

    Pairs stay alone, for their partners' sake; integrals too, because each process needs all of
    their points and only a share of the others'.
    """
    groups: dict[object, list[str]] = {}
    for name, condition in conditions.items():
        alone = condition.paired or condition.integral
        groups.setdefault((name,) if alone else condition.on, []).append(name)
    for names in groups.values():
        layout = Layout.union(*(layouts[n] for n in names))
        yield _Sweep(tuple(names), layout, conditions[names[0]].paired)


def _component(jet: Jet, start: int, stop: int, shape: tuple[int, ...]) -> Jet:
    part = jet[..., start:stop]
    return part if len(shape) == 1 else part.reshape(*part.shape[:-1], *shape)


def _constants(problem: Problem, model: nn.Module) -> nn.ParameterDict:
    """The unknown constants at their start values."""
    like = next(model.parameters())
    constants = nn.ParameterDict()
    for name, unknown in problem.unknowns.items():
        assert isinstance(unknown, Unknown)
        if hasattr(constants, name):
            raise ValueError(
                f"The unknown {name!r} of problem {problem.name!r} has a name that torch needs for "
                "itself; rename it."
            )
        constants[name] = nn.Parameter(like.new_tensor(unknown.start))
    return constants
