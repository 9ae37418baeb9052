"""Physics-informed neural network: least squares of the residuals at points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pdenet.networks import MLP, Factory
from pdenet.networks.initializers import Glorot, Initializer
from pdenet.problem import Problem
from pdenet.residuals import Residuals
from pdenet.solvers.base import Solver
from pdenet.solvers.hard import plan_hard_conditions
from pdenet.solvers.start import started_network


class PINN(Solver):
    """Trains ``1/2 sum_c weight_c mean(r_c^2)`` over a problem's conditions c.

    Args:
        problem: What to solve.
        network: A factory ``(inputs, outputs) -> nn.Module``, which gets scaled inputs, periodic
            embeddings and hard conditions put around it; or a module, taken as it is.
        initializer: Where training starts from; None is what networks draw by themselves.
        separate: Whether each field has a network of its own.
        hard: Whether conditions may be imposed exactly; False trains them all.
        seed: Seed of the network's start and of the points.
        dtype: Precision of everything.
        training: Arguments of :class:`Solver`: sampler, optimizer, balance, block, compile_after.

    Raises:
        ValueError: An argument does not fit the problem.

    Reference:
        Raissi, Perdikaris, Karniadakis 2019, J. Comput. Phys. 378, 686-707.

    Example:
        >>> from pdenet.problems.poisson_1d import poisson_1d
        >>> solver = PINN(poisson_1d())
        >>> solver.residuals.conditions.keys()
        dict_keys(['poisson'])
    """

    def __init__(
        self,
        problem: Problem,
        network: nn.Module | Factory = MLP,
        *,
        initializer: Initializer | None = None,
        separate: bool = False,
        hard: bool = True,
        seed: int = 0,
        dtype: torch.dtype = torch.float64,
        **training: Any,
    ) -> None:
        if not problem.has_equations:
            raise ValueError(
                f"Problem {problem.name!r} has no equations, only an energy; solve it with "
                "--solver deep-ritz."
            )
        owned = isinstance(network, nn.Module)
        plan = plan_hard_conditions(problem, embedding=not owned) if hard else None
        imposed = () if plan is None else plan.imposed

        def build(start: Initializer) -> nn.Module:
            core = started_network(
                problem, network, start, plan=plan, separate=separate, seed=seed, dtype=dtype
            )
            return core if plan is None else plan.wrap(core)

        initializer = Glorot() if initializer is None else initializer
        residuals = Residuals(problem, build(initializer), imposed)
        super().__init__(residuals, seed=seed, **training)
        self.plan = plan
        self.starts_from(initializer, build)

    def objective(self, rows: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> Tensor:
        """Half the weighted sum of mean squares."""
        return self.drawing.half_mean_squares(rows, weights)
