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
from torch import Tensor

from pdenet.conditions import OperatorData
from pdenet.functions import Ensemble, Functions
from pdenet.geometry import Points
from pdenet.jets import Jet, propagate
from pdenet.networks.deeponet import DeepONet
from pdenet.operators.channels import SENSORS, channels, known_jets
from pdenet.operators.crossed import Crossed
from pdenet.operators.data import misfit
from pdenet.operators.pairing import Pairing, sensors_in
from pdenet.problem import Problem
from pdenet.residuals import Batch, Residuals, named_fields, tensors, with_partners

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
        self._pairing: Pairing | None = None

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
        crossed = self.crossed(batch[SENSORS])
        rows: dict[str, Tensor] = {}
        for sweep in self.sweeps:
            fields = crossed.fields(batch[sweep.conditions[0]], sweep.layout)
            for name in sweep.conditions:
                rows[name] = crossed.rows(name, fields, batch[name])
        for name, condition in self.conditions.items():
            if isinstance(condition, OperatorData):
                rows[name] = crossed.misfit(condition, batch[name])
        return {name: rows[name] for name in self.conditions}

    def crossed(self, seen: Mapping[str, Tensor]) -> Crossed:
        """What gives fields and rows of functions at points, all with all.

        Args:
            seen: The functions' values at sensors, by input.

        Returns:
            It, with the branches evaluated.
        """
        return Crossed(self.problem, self.model, self.unknowns, self.model.coefficients(seen))

    def is_sum(self, name: str) -> bool:
        """Whether a condition has one row, the sum over all of its points."""
        return self.conditions[name].integral

    # -- rows of pairs, of which a Jacobian is made -------------------------------------------

    @property
    def pairing(self) -> Pairing:
        """Functions that :meth:`batch` pairs points with in turn."""
        if self._pairing is not None:
            return self._pairing
        if self.training_functions is None:
            return Pairing(self.probes)
        some = self.training_functions[:PROBES]
        return Pairing(some, torch.arange(len(some)))

    def pair_with(self, ensemble: Ensemble, numbers: Tensor) -> None:
        """Says which functions :meth:`batch` pairs points with: the i-th point with the i-th.

        Args:
            ensemble: The functions, repeated in turn where there are more points.
            numbers: Their numbers among the functions that data are of, shape (m,).
        """
        self._pairing = Pairing(ensemble, numbers)

    def batch(self, name: str, points: Points) -> Batch:
        """Tensors of pairs: each point has a function of its own, the pairing's in turn.

        Args:
            name: The condition; the points of an integral are all for the first function.
            points: Its points.

        Returns:
            Tensors by name, whose first axis is that of the points.
        """
        like = next(self.model.parameters())
        return self.pairing.batch(self.problem, name, self.conditions[name], points, like)

    def rows(self, name: str, batch: Batch) -> Tensor:
        """Rows of one condition at pairs.

        Args:
            name: The condition.
            batch: Its tensors, from :meth:`batch`.

        Returns:
            Shape (n,) or (n, k); (1,) for an integral.
        """
        coefficients = self.model.coefficients(sensors_in(batch, self.problem))
        condition = self.conditions[name]
        if isinstance(condition, OperatorData):
            outputs = self.model.single(batch["x"], coefficients)
            return misfit(outputs, condition, self.problem.shapes, batch)

        def fields(x: Tensor) -> dict[str, Jet]:
            layout = self.problem.layout(name)
            jet = propagate(lambda x: self.model.single(x, coefficients), x, layout)
            return named_fields(jet, self.problem.shapes)

        here = fields(batch["x"])
        jets = with_partners(here, fields(batch["x_to"])) if "x_to" in batch else here
        known = known_jets(self.problem.demands[name], batch, lambda held: held.T.contiguous())
        return self.rows_of(name, {**jets, **known}, batch)

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
        ensemble = self.probes if ensemble is None else ensemble
        crossed = self.crossed(ensemble.tensors(next(self.model.parameters())))
        return {
            name: self._sizes(name, p, ensemble, crossed)
            for name, p in points.items()
            if not isinstance(self.conditions.get(name), OperatorData)
        }

    def _sizes(self, name: str, points: Points, ensemble: Ensemble, crossed: Crossed) -> Tensor:
        """Root mean squares over functions of one condition's rows."""
        condition, layout = self.problem.known[name], self.problem.layout(name)
        like, m, n = next(self.model.parameters()), crossed.functions, len(points)
        size = n if condition.integral else max(1, self.chunk_size(layout) // m)
        pieces = []
        for start in range(0, max(n, 1), size):
            batch = tensors(condition, points.select(slice(start, start + size)), like)
            batch |= channels(self.problem, name, ensemble.functions, batch)
            rows = crossed.rows(name, crossed.fields(batch, layout), batch)
            by_point = rows.reshape(-1, m, *rows.shape[1:])
            pieces.append(by_point.square().mean(1).sqrt())
        return torch.cat(pieces)

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
