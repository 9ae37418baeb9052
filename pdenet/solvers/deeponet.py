"""Operator learning: one network for all input functions, from data, from equations, or both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from pdenet.checks import whole
from pdenet.conditions import OperatorData
from pdenet.functions import Ensemble
from pdenet.geometry import Box
from pdenet.networks import MLP, Factory
from pdenet.networks.deeponet import DeepONet
from pdenet.networks.initializers import Glorot, Initializer
from pdenet.operators import OperatorResiduals
from pdenet.problem import Problem
from pdenet.references.operators import OperatorReference, Progress, unheard
from pdenet.solvers.base import Solver
from pdenet.solvers.hard import plan_hard_conditions
from pdenet.solvers.operator_drawing import OperatorDrawing
from pdenet.solvers.operator_network import Sizes, fit_outputs, operator_network

Mode = Literal["auto", "data", "physics", "both"]
DATA = "data"


class OperatorSolver(Solver):
    """Trains a DeepONet: ``1/2 sum_c weight_c mean(r_c^2)``, means over functions and points.

    Terms are misfits of outputs where it learns from data, and residuals of the problem's
    conditions for every function where it learns from equations. Data come from the problem's
    :class:`~pdenet.conditions.OperatorData`, or are computed once by its reference and kept in the
    user's cache.

    Args:
        problem: What to solve; it has input functions.
        network: The trunk, a factory ``(inputs, outputs) -> nn.Module`` that gets scaled inputs,
            periodic embeddings and hard conditions put around it.
        mode: Learn from data, from the conditions (physics), or both. `auto` takes data where the
            problem has them or a reference to compute them, else the conditions.
        basis: Number of basis functions, the trunk's outputs.
        branch: Network of the branches, by name, beside a linear map; `linear` is that map alone,
            which suits equations that are linear in field and input together.
        branch_width: Neurons in each hidden layer of a branch.
        branch_depth: Hidden layers of a branch.
        components: Principal components of the values at sensors that a branch sees, at most.
        functions: Functions to train with.
        function_batch: Functions of a step.
        grid: Points at which data are computed, about; a grid where the domain is a box.
        data_batch: Points of a step at which data are compared.
        pod: Whether the basis functions are the principal modes of the data, instead of a network;
            for data on a box only.
        hard: Whether conditions may be imposed exactly; False trains them all.
        initializer: Structure and draw of the trunk; None is what networks draw by themselves.
        seed: Seed of the network's start, the functions and the points.
        dtype: Precision of everything.
        training: Arguments of :class:`Solver`: sampler, optimizer, balance, block, compile_after.

    Raises:
        ValueError: The problem has no input functions or no data, or an argument does not fit it.

    Reference:
        Lu, Jin, Pang, Zhang, Karniadakis, Nature Machine Intelligence 3, 2021, 218-229; from
        equations: Wang, Wang, Perdikaris, Science Advances 7(40), 2021.
    """

    residuals: OperatorResiduals
    drawing: OperatorDrawing  # type: ignore[assignment]

    def __init__(
        self,
        problem: Problem,
        network: Factory = MLP,
        *,
        mode: Mode = "auto",
        basis: int = 64,
        branch: str = "mlp",
        branch_width: int = 64,
        branch_depth: int = 2,
        components: int = 64,
        functions: int = 1000,
        function_batch: int = 100,
        grid: int = 2500,
        data_batch: int = 512,
        pod: bool = False,
        hard: bool = True,
        initializer: Initializer | None = None,
        seed: int = 0,
        dtype: torch.dtype = torch.float64,
        **training: Any,
    ) -> None:
        whole(basis=basis, branch_width=branch_width, branch_depth=branch_depth)
        whole(components=components)
        whole(function_batch=function_batch, grid=grid, data_batch=data_batch)
        whole(2, functions=functions)
        _require_inputs(problem)
        mode = _chosen(problem, mode, pod)
        axes, points = _grid(problem, grid)
        if pod and axes is None:
            raise ValueError("pod takes its basis from data on a grid: it needs a box as domain.")
        plan = plan_hard_conditions(problem) if hard and not pod else None
        ensemble = Ensemble.training(problem.inputs, functions, seed)
        sizes = Sizes(basis, branch, branch_width, branch_depth, components)

        def build(start: Initializer) -> DeepONet:
            modes = axes if pod else None
            return operator_network(
                problem, network, plan, ensemble, sizes, start, grid=modes, seed=seed, dtype=dtype
            )

        start = Glorot() if initializer is None else initializer
        trained, data = self._lessons(problem, mode, points)
        imposed = () if plan is None else plan.imposed
        residuals = OperatorResiduals(problem, build(start), imposed, trained, data)
        _require_terms(residuals, mode)
        super().__init__(residuals, seed=seed, **training)
        self.mode, self.plan, self.ensemble = mode, plan, ensemble
        residuals.training_functions = ensemble
        self.starts_from(start, build)
        self._told: Progress = unheard
        self._tables: Mapping[str, Tensor] | None = None
        self._ready = False
        self.drawing = OperatorDrawing(
            residuals,
            self.sampler,
            ensemble,
            functions=function_batch,
            data_points=data_batch,
            seed=seed,
        )

    def _lessons(
        self, problem: Problem, mode: Mode, points: Mapping[str, Tensor]
    ) -> tuple[list[str], dict[str, OperatorData]]:
        """What is learned from: names of the problem's conditions, and data to be computed."""
        given = [n for n, c in problem.conditions.items() if isinstance(c, OperatorData)]
        data = {}
        if mode != "physics" and not given:
            data[DATA] = OperatorData.computed(points, tuple(problem.shapes), self._solutions)
        trained = [n for n in problem.conditions if mode != "physics" and n in given]
        trained += [n for n in problem.conditions if mode != "data" and n not in given]
        return trained, data

    def objective(self, rows: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> Tensor:
        """Half the weighted sum of mean squares."""
        terms = [0.5 * self.drawing.mean_square(n, r, weights[n]) for n, r in rows.items()]
        return torch.stack(terms).sum()

    def forward(self, x: Tensor, values: Mapping[str, Tensor]) -> Tensor:  # type: ignore[override]
        """All field components (n, m, outputs) at points, for functions by values at sensors."""
        return self.residuals.model(x, values)

    def prepare(self, progress: Progress = unheard) -> None:
        """Computes what is learned from, and brings the outputs to its size.

        Args:
            progress: Told how many functions are solved for.
        """
        if self._ready:
            return
        self._ready, self._told = True, progress
        measured = [c for c in self.residuals.conditions.values() if isinstance(c, OperatorData)]
        if measured and all(shape == () for shape in self.problem.shapes.values()):
            data, n = measured[0], len(self.ensemble)
            x = data.on.quadrature(1).x if data.own is None else data.own[0]
            tables = [data.tables[f][:n] if f in data.fields else None for f in self.problem.shapes]
            fit_outputs(self.residuals.model, x, tables)

    def on_fit_start(self) -> None:
        """Prepares, unless that is done or a checkpoint brought it."""
        if self.progress.step == 0:
            self.prepare()
        super().on_fit_start()

    def _draw(self) -> bool:
        # Optimizers that compare losses of different steps see all functions.
        self.drawing.whole = self.phase.fixed_points
        return super()._draw()

    def _solutions(self) -> Mapping[str, Tensor]:
        """Values of every field for the training functions, computed once."""
        if self._tables is None:
            reference = self.problem.reference
            assert isinstance(reference, OperatorReference)
            x = self.residuals.conditions[DATA].on.quadrature(1).x
            self._tables = reference.solutions(self.ensemble.functions, x, self._told)
        return self._tables


def _require_inputs(problem: Problem) -> None:
    if not problem.inputs:
        raise ValueError(
            f"Problem {problem.name!r} has no input functions, so that there is no operator to "
            "learn: add inputs={'v': InputFunction(...)}, or use the solver 'pinn'."
        )


def _require_terms(residuals: OperatorResiduals, mode: Mode) -> None:
    if not residuals.conditions:
        raise ValueError(
            f"Problem {residuals.problem.name!r} leaves nothing to learn in mode {mode!r}: all its "
            "conditions are imposed by the network's form."
        )


def _chosen(problem: Problem, mode: Mode, pod: bool) -> Mode:
    """The mode, `auto` resolved, after a look whether there are data for it."""
    if mode not in ("auto", "data", "physics", "both"):
        raise ValueError(f"mode={mode!r} must be auto, data, physics or both.")
    measured = any(isinstance(c, OperatorData) for c in problem.conditions.values())
    known = measured or isinstance(problem.reference, OperatorReference)
    if mode == "auto":
        mode = "data" if known else "physics"
    if mode != "physics" and not known:
        raise ValueError(
            f"mode={mode!r} needs data, but problem {problem.name!r} has neither OperatorData nor "
            "a reference that could compute them; use mode='physics'."
        )
    if pod and mode != "data":
        raise ValueError("pod takes its basis from data; it needs mode='data'.")
    return mode


def _grid(problem: Problem, n: int) -> tuple[list[Tensor] | None, dict[str, Tensor]]:
    """Points for data, by coordinate, and the sides of their grid where there is one."""
    domain = problem.domain
    if not isinstance(domain, Box):
        points = domain.sample(n, seed=0, method="sobol")
        return None, {name: points[name] for name in problem.coordinates}
    side = max(2, round(n ** (1 / domain.dimension)))
    axes = [
        torch.linspace(*domain.bounds[c], side, dtype=torch.float64) for c in domain.coordinates
    ]
    x = torch.cartesian_prod(*axes).reshape(-1, len(axes))
    return axes, dict(zip(problem.coordinates, x.unbind(1), strict=True))
