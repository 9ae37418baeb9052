"""Residual rows of a problem for many input functions at once.

A row belongs to a point and a function. Fields come from one forward sweep of the trunk, whose
channels are contracted with the branches' coefficients: partial derivatives cost what they cost for
one function, however many there are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from pdenet.conditions import OperatorData, stack_rows
from pdenet.functions import Ensemble, Functions
from pdenet.geometry import Points
from pdenet.jets import Jet, Layout, propagate
from pdenet.networks.deeponet import DeepONet
from pdenet.problem import Problem
from pdenet.residuals import Batch, Residuals, input_jets, named_fields, tensors

SENSORS = "values at sensors"
"""Key of a batch under which the functions' values at sensors are; no condition's name."""

PROBES = 32  # functions by which residuals are judged


class OperatorResiduals(Residuals):
    """Rows of a problem's conditions for one operator network and many input functions.

    Args:
        problem: The problem, with input functions.
        model: The network.
        imposed: Conditions that the model satisfies by its form; they are left out.
        trained: Names of the conditions that :meth:`forward` gives; None means all.
        data: Outputs to learn from that are no condition of the problem, by name.

    Attributes:
        probes: Functions for which :meth:`in_chunks` gives residuals.
        training_functions: Functions that the network is trained with, where that is known.

    Raises:
        ValueError: The problem has no input functions, or the network's branches do not fit them.
    """

    model: DeepONet

    def __init__(
        self,
        problem: Problem,
        model: DeepONet,
        imposed: Collection[str] = (),
        trained: Collection[str] | None = None,
        data: Mapping[str, OperatorData] | None = None,
    ) -> None:
        super().__init__(problem, model, imposed, trained)
        self.conditions |= dict(data or {})
        self.sweeps = tuple(
            s for s in self.sweeps if not isinstance(self.conditions[s.conditions[0]], OperatorData)
        )
        self.probes = Ensemble.unseen(problem.inputs, PROBES)
        self.training_functions: Ensemble | None = None
        self._pairing: tuple[Ensemble, Tensor] | None = None

    def check_inputs(self, inputs: Mapping[str, Functions] | None) -> dict[str, Functions]:
        """Refuses a problem without input functions; which ones is said by each batch.

        Args:
            inputs: None.

        Returns:
            No functions.

        Raises:
            ValueError: The problem has none.
        """
        if not self.problem.inputs:
            raise ValueError(
                f"Problem {self.problem.name!r} has no input functions, so that there is no "
                "operator to learn; add inputs={'v': InputFunction(...)}, or use the solver 'pinn'."
            )
        return {}

    def check_model(self) -> None:
        """Refuses a network that does not fit the problem.

        Raises:
            ValueError: Its branches take other values, or it has other outputs.
        """
        like = next(self.model.parameters())
        seen = {n: torch.zeros(1, len(f.x)).to(like) for n, f in self.problem.inputs.items()}
        x = self.problem.domain.sample(2, seed=0).x.to(like)
        with torch.no_grad():
            found = tuple(self.model(x, seen).shape)
        if found != (2, 1, self.problem.outputs):
            raise ValueError(
                f"The operator network returns shape {found} for one function at two points; "
                f"problem {self.problem.name!r} needs (2, 1, {self.problem.outputs})."
            )

    def at(self, ensemble: Ensemble) -> Residuals:
        """The problem for one input function of each kind, with an ordinary network.

        Args:
            ensemble: One function of each kind.

        Returns:
            Residuals that share the operator's parameters; without a reference where a function is
            known at its sensors only.

        Raises:
            ValueError: There is more than one function of a kind.
        """
        if len(ensemble) != 1:
            raise ValueError(
                f"{len(ensemble)} functions of each input came; a solution belongs to one. Give "
                "them one by one."
            )
        like = next(self.model.parameters())
        values = {name: v[0] for name, v in ensemble.tensors(like).items()}
        trained = [n for n, c in self.conditions.items() if not isinstance(c, OperatorData)]
        left_out = [n for n, c in self.problem.conditions.items() if isinstance(c, OperatorData)]
        imposed = [n for n in self.problem.conditions if n not in {*trained, *left_out}]
        reference: Any = self.problem.reference
        if hasattr(reference, "solutions"):
            known = all(f.everywhere for f in ensemble.functions.values())
            reference = reference.at(ensemble.functions) if known else None
        one = Residuals(
            replace(self.problem, reference=reference),
            self.model.at(values),
            imposed,
            [n for n in self.problem.conditions if n not in left_out],
            inputs=ensemble.functions,
        )
        one.unknowns = self.unknowns
        return one

    def forward(self, batch: Mapping[str, Batch]) -> dict[str, Tensor]:
        """Rows of every condition, points in turn, for each all functions.

        Args:
            batch: Tensors of each condition, and the functions' values under :data:`SENSORS`.

        Returns:
            Rows by condition, shape (n m,), or (n m, k) for k equations; (m,) for an integral.
        """
        coefficients = self.model.coefficients(batch[SENSORS])
        rows: dict[str, Tensor] = {}
        for sweep in self.sweeps:
            fields = self._many(batch[sweep.conditions[0]], sweep.layout, coefficients)
            for name in sweep.conditions:
                rows[name] = self._rows_of_many(name, fields, batch[name], len(coefficients))
        for name, condition in self.conditions.items():
            if isinstance(condition, OperatorData):
                rows[name] = self._misfit(condition, batch[name], coefficients)
        return {name: rows[name] for name in self.conditions}

    # -- rows of pairs, of which a Jacobian is made -------------------------------------------

    @property
    def pairing(self) -> tuple[Ensemble, Tensor | None]:
        """Functions that points are paired with in turn, and their numbers in the data."""
        if self._pairing is not None:
            return self._pairing
        if self.training_functions is None:
            return self.probes, None
        some = self.training_functions[:PROBES]
        return some, torch.arange(len(some))

    def pair_with(self, ensemble: Ensemble, numbers: Tensor) -> None:
        """Says which functions :meth:`batch` pairs points with: the i-th point with the i-th.

        Args:
            ensemble: The functions, repeated in turn where there are more points.
            numbers: Their numbers among the functions that data are of, shape (m,).
        """
        self._pairing = ensemble, numbers

    def is_sum(self, name: str) -> bool:
        """Whether a condition has one row, the sum over all of its points."""
        return self.conditions[name].integral

    @torch.no_grad()
    def batch(self, name: str, points: Points) -> Batch:
        """Tensors of pairs: each point has a function of its own, the pairing's in turn.

        Args:
            name: The condition; the points of an integral are all for the first function.
            points: Its points.

        Returns:
            Tensors by name, whose first axis is that of the points.
        """
        condition, like = self.conditions[name], next(self.model.parameters())
        ensemble, numbers = self.pairing
        n = len(points)
        which = torch.arange(n) % (1 if condition.integral else len(ensemble))
        seen = {f"{SENSORS} of {v}": values[which] for v, values in ensemble.tensors(like).items()}
        if isinstance(condition, OperatorData):
            return {**seen, **self._pairs_of_data(condition, points, which, numbers)}
        batch = tensors(condition, points, like)
        jets = channels(self.problem, name, ensemble.functions, batch)
        own = {key: value[:, torch.arange(n), which].T for key, value in jets.items()}
        return {**seen, **batch, **own}

    def _pairs_of_data(
        self, condition: OperatorData, points: Points, which: Tensor, numbers: Tensor | None
    ) -> Batch:
        like = next(self.model.parameters())
        assert points.index is not None
        index = points.index.cpu()
        x, values = points.x, torch.zeros(len(points), len(condition.fields))
        if numbers is not None:
            which = numbers[which]
            values = torch.stack([condition.tables[f][which, index] for f in condition.fields], -1)
            x = x if condition.own is None else condition.own[which, index]
        factor = condition.factors()[which % len(condition.tables[condition.fields[0]])]
        return {"x": x.to(like), "values": values.to(like), "factor": factor.to(like)}

    def rows(self, name: str, batch: Batch) -> Tensor:
        """Rows of one condition at pairs.

        Args:
            name: The condition.
            batch: Its tensors, from :meth:`batch`.

        Returns:
            Shape (n,) or (n, k); (1,) for an integral.
        """
        seen = {v: batch[f"{SENSORS} of {v}"] for v in self.problem.inputs}
        coefficients = self.model.coefficients(seen)
        condition = self.conditions[name]
        if isinstance(condition, OperatorData):
            values = self.model.single(batch["x"], coefficients)
            return (values[:, self._columns(condition)] - batch["values"]) * batch["factor"]

        def fields(x: Tensor) -> dict[str, Jet]:
            jet = propagate(
                lambda x: self.model.single(x, coefficients), x, self.problem.layout(name)
            )
            return named_fields(jet, self.problem.shapes)

        jets = fields(batch["x"])
        if "x_to" in batch:
            jets |= {f"{key}_to": jet for key, jet in fields(batch["x_to"]).items()}
        demand = self.problem.demands[name]
        for key, value in batch.items():
            if key.startswith(CHANNELS):
                known = key.removeprefix(CHANNELS)
                jets[known] = Jet(demand.layouts[known], value.T.contiguous())
        arguments = demand.arguments(jets, batch["x"], {**batch, **self.unknowns})
        rows = stack_rows(condition.residual(**arguments), len(batch["x"]))
        if not condition.integral:
            return rows
        return (batch["weight"] * rows).sum().reshape(1) / condition.normalization

    # -- rows of all functions at all points ---------------------------------------------------

    @torch.no_grad()
    def in_chunks(
        self, points: Mapping[str, Points], ensemble: Ensemble | None = None
    ) -> dict[str, Tensor]:
        """Root mean square over functions of each row, at any number of points.

        Args:
            points: Points of the wanted conditions.
            ensemble: The functions; :attr:`probes` by default.

        Returns:
            By condition, shape (n,) or (n, k); (1,) for an integral.
        """
        like = next(self.model.parameters())
        ensemble = self.probes if ensemble is None else ensemble
        coefficients = self.model.coefficients(ensemble.tensors(like))
        found = {}
        for name, p in points.items():
            if isinstance(self.conditions.get(name), OperatorData):
                continue
            layout = self.problem.layout(name)
            whole = self.problem.known[name].integral
            size = len(p) if whole else max(1, self.chunk_size(layout) // len(coefficients))
            pieces = []
            for start in range(0, max(len(p), 1), size):
                batch = tensors(
                    self.problem.known[name], p.select(slice(start, start + size)), like
                )
                batch |= channels(self.problem, name, ensemble.functions, batch)
                fields = self._many(batch, layout, coefficients)
                rows = self._rows_of_many(name, fields, batch, len(coefficients))
                by_point = rows.reshape(-1, len(coefficients), *rows.shape[1:])
                pieces.append(by_point.square().mean(1).sqrt())
            found[name] = torch.cat(pieces)
        return found

    @torch.no_grad()
    def values(self, ensemble: Ensemble, x: Tensor) -> Tensor:
        """Every field component for every function at every point, in bounded memory.

        Args:
            ensemble: Input functions.
            x: Points, shape (n, d).

        Returns:
            Shape (m, n, outputs), float64 on the CPU.
        """
        like = next(self.model.parameters())
        coefficients = self.model.coefficients(ensemble.tensors(like))
        size = max(1, self.value_chunk // max(1, len(ensemble) // self.model.basis))
        parts = [self.model.combine(p.to(like), coefficients) for p in x.split(size)]
        return torch.cat(parts).transpose(0, 1).to("cpu", torch.float64)

    def rows_of_pairs(self, name: str, batch: Batch, coefficients: Tensor) -> Tensor:
        """Rows of one condition, by a sweep of its own.

        Args:
            name: The condition.
            batch: Its tensors; of data, the points, first axis (n,), and values (n, m, fields).
            coefficients: What the branches make of the functions.

        Returns:
            As :meth:`forward`.
        """
        condition = self.conditions[name]
        if isinstance(condition, OperatorData):
            known = {**batch, "factor": condition.factors().to(coefficients)}
            if known["x"].ndim == 3:
                known["x"] = known["x"].transpose(0, 1)
            return self._misfit(condition, known, coefficients)
        fields = self._many(batch, self.problem.layout(name), coefficients)
        return self._rows_of_many(name, fields, batch, len(coefficients))

    def _many(self, batch: Batch, layout: Layout, coefficients: Tensor) -> dict[str, Jet]:
        """Every field's jet at pairs of points and functions, shape (n m,)."""
        jets = self._fields_of_many(batch["x"], layout, coefficients)
        if "x_to" in batch:
            there = self._fields_of_many(batch["x_to"], layout, coefficients)
            jets |= {f"{name}_to": jet for name, jet in there.items()}
        return jets

    def _fields_of_many(self, x: Tensor, layout: Layout, coefficients: Tensor) -> dict[str, Jet]:
        jet = propagate(lambda x: self.model.combine(x, coefficients), x, layout)
        # Pairs take the place of points: from here on nothing mixes them.
        return named_fields(Jet(layout, jet.channels.flatten(1, 2)), self.problem.shapes)

    def _rows_of_many(self, name: str, fields: Mapping[str, Jet], batch: Batch, m: int) -> Tensor:
        condition, demand = self.problem.known[name], self.problem.demands[name]
        taken = {"x", *demand.names}
        given: dict[str, Any] = {
            key: value.repeat_interleave(m, 0)
            for key, value in batch.items()
            if key in taken and not key.startswith(CHANNELS)
        }
        jets = {
            key.removeprefix(CHANNELS): Jet(
                demand.layouts[key.removeprefix(CHANNELS)], value.flatten(1, 2)
            )
            for key, value in batch.items()
            if key.startswith(CHANNELS)
        }
        arguments = demand.arguments({**fields, **jets}, given["x"], {**given, **self.unknowns})
        rows = stack_rows(condition.residual(**arguments), len(given["x"]))
        if not condition.integral:
            return rows
        weighted = batch["weight"][:, None] * rows.reshape(-1, m)
        return weighted.sum(0) / condition.normalization

    def _misfit(self, condition: OperatorData, batch: Batch, coefficients: Tensor) -> Tensor:
        """Predicted less given values, each field in units of its own size, shape (n m, fields)."""
        if batch["x"].ndim == 3:
            values = self.model.paired(batch["x"], coefficients).transpose(0, 1)
        else:
            values = self.model.combine(batch["x"], coefficients)
        columns = self._columns(condition)
        return ((values[..., columns] - batch["values"]) * batch["factor"]).flatten(0, 1)

    def _columns(self, condition: OperatorData) -> list[int]:
        """Output columns of the fields that data give."""
        columns, start = {}, 0
        for name, shape in self.problem.shapes.items():
            columns[name] = start
            start += int(torch.Size(shape).numel())
        return [columns[name] for name in condition.fields]


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
        coefficients = self.residuals.model.coefficients(self.ensemble.tensors(like))
        turned = {n: v.movedim(0, 1) if n.startswith(CHANNELS) else v for n, v in batch.items()}
        rows = self.residuals.rows_of_pairs(name, turned, coefficients)
        return rows.reshape(1 if self.is_sum(name) else len(batch["x"]), -1)

    def scale(self, name: str, points: Points) -> Tensor:
        """One over the root of the number of pairs; scalar."""
        count = self.functions * (1 if self.is_sum(name) else len(points))
        return next(self.residuals.model.parameters()).new_tensor(count**-0.5)

    def is_sum(self, name: str) -> bool:
        """Whether a function has one row, the sum over all points."""
        return self.residuals.conditions[name].integral


CHANNELS = "channels of "
"""Keys of a batch under which input functions are: values and partials, shape (c, n, m)."""


@torch.no_grad()
def channels(
    problem: Problem, name: str, functions: Mapping[str, Functions], batch: Batch
) -> Batch:
    """Input functions at a condition's points, as its residual takes them.

    Args:
        problem: The problem.
        name: The condition.
        functions: Functions by input.
        batch: The condition's tensors.

    Returns:
        Values and demanded partials by key, shape (c, n, m).
    """
    jets = input_jets(problem, name, functions, batch)
    return {CHANNELS + n: jet.channels for n, jet in jets.items()}
