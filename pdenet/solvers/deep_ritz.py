"""The Deep Ritz method: a network that minimizes an energy or a Rayleigh quotient."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from pdenet.balancing import Balance, Static
from pdenet.energy import Energy, Functional, Rayleigh
from pdenet.networks import MLP, Factory
from pdenet.networks.initializers import Glorot, Initializer
from pdenet.optim import Linearization, objective_changed
from pdenet.problem import Problem
from pdenet.residuals import Residuals
from pdenet.solvers.base import Solver
from pdenet.solvers.distributed import mean_over_ranks, rank_and_world, reduce
from pdenet.solvers.hard.parts import components
from pdenet.solvers.hard.plan import HardPlan
from pdenet.solvers.linearized import TangentRows
from pdenet.solvers.ritz.checks import Fall, check_phases, check_weights
from pdenet.solvers.ritz.essential import Method, plan_essential
from pdenet.solvers.ritz.integration import energy_indicators, remarks
from pdenet.solvers.ritz.misfits import Misfits
from pdenet.solvers.ritz.rows import EnergyRows
from pdenet.solvers.ritz.shapes import Floor, States
from pdenet.solvers.ritz.states import eigenvalues, settle_states
from pdenet.solvers.start import started_network

TRIED = 64  # points at which densities are tried before training
MOVES = {"gradient": 200, "jacobian": 10}  # steps between two moves, by what a step consumes


class DeepRitz(Solver):
    r"""Minimizes a problem's energy over fields that satisfy its essential conditions.

    Integrals are sums of densities times quadrature weights, which add up to the measure of the
    region, whatever the sampler. Essential conditions are built into the network's form where the
    geometry allows; those that are left enter the energy by ``essential``.

    Args:
        problem: What to solve; it has an energy.
        network: A factory ``(inputs, outputs) -> nn.Module``, as for :class:`PINN`; or a module,
            taken as it is.
        initializer: Where training starts from; None is what networks draw by themselves.
        separate: Whether each field has a network of its own.
        hard: Whether conditions may be imposed exactly; False trains them all.
        essential: How conditions that are not imposed enter: augmented-lagrangian, nitsche, or
            penalty; see :mod:`pdenet.solvers.ritz.essential`. None takes the first, and Nitsche's
            method on regions of more than three dimensions, where fixed points are too few.
        penalty: Factor b of half the squared misfit, in units of the energy over those of the field
            squared and of the measure of the condition's region; None takes 500, for lower bounds
            200, and 5000 where these have no multipliers.
        update_every: Steps between two updates of the multipliers; None takes 200, and 10 where a
            step uses the whole Jacobian.
        seed: Seed of the network's start and of the points.
        dtype: Precision of everything.
        training: Arguments of :class:`Solver`: sampler, optimizer, block, compile_after.

    Raises:
        ValueError: The problem has no energy, the sampler's points have no weights, a density has
            no finite value, or an argument does not fit the problem.

    Reference:
        E and Yu, The Deep Ritz method, Commun. Math. Stat. 6 (2018), 1-12, arXiv 1710.00211.

    Example:
        >>> from pdenet.problems.poisson_1d import poisson_1d
        >>> solver = DeepRitz(poisson_1d())
        >>> solver.residuals.conditions.keys()
        dict_keys(['energy'])
    """

    def __init__(
        self,
        problem: Problem,
        network: nn.Module | Factory = MLP,
        *,
        initializer: Initializer | None = None,
        separate: bool = False,
        hard: bool = True,
        essential: Method | None = None,
        penalty: float | None = None,
        update_every: int | None = None,
        seed: int = 0,
        dtype: torch.dtype = torch.float64,
        **training: Any,
    ) -> None:
        energy = _energy(problem)
        _check_balance(training.get("balance"))
        rates = (1 if update_every is None else update_every) >= 1
        if not ((penalty is None or 0 < penalty < float("inf")) and rates):
            raise ValueError(
                f"penalty={penalty} must be positive and finite, update_every={update_every} at "
                "least 1."
            )
        plan = plan_essential(problem, not isinstance(network, nn.Module)) if hard else None

        def build(start: Initializer) -> nn.Module:
            core = started_network(
                problem, network, start, plan=plan, separate=separate, seed=seed, dtype=dtype
            )
            return _shaped(problem, core, plan)

        initializer = Glorot() if initializer is None else initializer
        imposed = set() if plan is None else set(plan.imposed)
        soft = {n: c for n, c in problem.essential.items() if n not in imposed}
        residuals = Residuals(problem, build(initializer), imposed, [*soft, *energy.terms])
        super().__init__(residuals, seed=seed, **training)
        self.plan, self.energy, self.update_every = plan, energy, update_every
        self.misfits = Misfits(residuals, soft, essential, penalty)
        # Conditions on one region share its points.
        self.drawing.fixed = self.misfits.multiply(self.sampler.draw(0))
        self.starts_from(initializer, build)
        # In a tuple, since the module would be saved a second time.
        self._curved = (EnergyRows(residuals),)
        self._check_start()

    @property
    def conforming(self) -> bool:
        """Whether solutions satisfy all essential conditions by their form."""
        return self.misfits.conditions.keys() <= self.misfits.bounds

    def objective(self, rows: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> Tensor:
        """Energy, and what the conditions that are not imposed add to it."""
        total = self.energy.value({n: self._integral(n, rows[n]) for n in self.energy.terms})
        for name, condition in self.misfits.conditions.items():
            density = self.misfits.density(name, rows[name], self.drawing.batch[name])
            summed = condition.integral
            total = total + (density.sum() if summed else self._integral(name, density).sum())
        return total

    def indicators(self) -> dict[str, Any]:
        """Energy on finer rules than the training points, of what the solver gives as solution."""
        training = self.residuals.training
        found = energy_indicators(self.residuals.eval(), self.points)
        self.residuals.train(training)
        return {"energy": found}

    def remarks(self, indicators: Mapping[str, Any]) -> list[str]:
        """What the energy says about the answer, one sentence each."""
        return remarks(indicators["energy"], self.conforming)

    def constants(self) -> dict[str, tuple[float, float | None]]:
        """Eigenvalues, with exact ones where known."""
        if not isinstance(self.energy, Rayleigh):
            return {}
        return eigenvalues(self.residuals, self.energy, self.points)

    @property
    def row_source(self) -> EnergyRows:
        """Rows of the energy's Gauss-Newton matrix, for effective rank and natural gradients."""
        return self._curved[0]

    def linearization(self) -> Linearization:
        """This step's energy with its gradient, and the rows of its Gauss-Newton matrix."""
        loss = float(self.closure())
        gradient = torch.cat([p.grad.reshape(-1) for p in self._trained() if p.grad is not None])
        rows = self._tangent_here().linearize(self._row_weights())
        now = partial(self.objective, weights=self._weights)

        def loss_now() -> Tensor:
            return mean_over_ranks(now(self.residuals(self.drawing.batch)), [])

        return TangentRows(loss, gradient.double(), None, rows.shape, rows, loss_now, _no_rows)

    def _row_weights(self) -> dict[str, Tensor | float]:
        """What the rows' squares count in the energy: a quotient's are over its denominator."""
        scale = float(self._terms["denominator"]) if "denominator" in self._terms else 1.0
        weights: dict[str, Tensor | float] = dict.fromkeys(self.row_source.names, 1 / scale)
        with torch.no_grad():
            for name in self.misfits.conditions:
                rows = self.residuals.rows(name, self.drawing.batch[name])
                weights[name] = self.misfits.curvature(name, rows)
        return weights

    # -- integrals ---------------------------------------------------------------------------

    def _integral(self, name: str, rows: Tensor) -> Tensor:
        """Integral of every row over all processes.

        Its gradient is that of this process's share, times their number, so that means over
        processes are right, for quotients too.

        Args:
            name: The condition.
            rows: Its rows at this process's points.

        Returns:
            Shape (k,).
        """
        weight = self.drawing.batch[name]["weight"]
        mine = weight @ rows.reshape(len(rows), -1)
        _, world = rank_and_world()
        if world == 1:
            return mine
        return reduce(mine.detach(), "sum") + world * (mine - mine.detach())

    def measured(self, name: str, rows: Tensor) -> Tensor:
        """An integral, or the mean squared misfit of a condition."""
        if name in self.energy.terms:
            return self._integral(name, rows)[list(self.energy.own_rows)[: rows.ndim]].sum()
        return self.drawing.mean_square(name, rows)

    # -- what happens while training -----------------------------------------------------------

    def training_step(self, batch: int, batch_idx: int) -> Tensor | None:
        """One step, or a block of them; a look whether the energy falls without limit."""
        loss = super().training_step(batch, batch_idx)
        reason = self._fall.reason(self)
        if reason is not None:
            self.stop("unbounded", reason)
        return loss

    def on_train_end(self) -> None:
        """Combines states to eigenfunctions."""
        if isinstance(self.energy, Rayleigh):
            settle_states(self.residuals, self.energy, self.points)

    def _draw(self) -> bool:
        changed = super()._draw()
        step, every = self.progress.step, self.update_every or MOVES[self.phase.consumes]
        if not self.misfits.due(step, every):
            return changed
        self.misfits.move(step, self.drawing.batch)
        return True

    def _end_phase(self, reason: str | None, done: int) -> None:
        """The turn to the next phase; where multipliers still move, they get one more in place."""
        last = self.progress.phase + 1 == len(self.phases)
        if reason and last and self.misfits.move(self.progress.step, self.drawing.batch):
            objective_changed(self._optimizer_list[self.progress.phase].optimizer)
            return
        super()._end_phase(reason, done)

    def _check_start(self) -> None:
        """Points with weights, and densities with values, before anything is trained."""
        self._fall = Fall()
        check_phases(self.phases, self.row_source.names)
        if not self.sampler.consistent:
            raise ValueError(
                f"The law of the points of {type(self.sampler).__name__} is not known, so that "
                "sums with them are no integrals, as an energy needs. Take an even sampler, "
                "quadrature, rad, das or adversarial."
            )
        points = self.sampler.draw(0)
        for name, term in self.energy.terms.items():
            check_weights(name, term, points[name], type(self.sampler).__name__)
            some = points[name].select(slice(0, TRIED))
            rows = self.residuals.in_chunks({name: some})[name]
            if not bool(rows.isfinite().all()):
                raise ValueError(
                    f"The energy's integral {name!r} of problem {self.problem.name!r} has a "
                    "density that is not finite at the untrained network, whose fields are small. "
                    "Check logarithms, roots and divisions."
                )


def _no_rows() -> NoReturn:
    raise TypeError("An energy is no sum of squared residuals: there are no rows z.")


def _energy(problem: Problem) -> Functional:
    if problem.energy is None:
        raise ValueError(
            f"Problem {problem.name!r} has no energy, which the Deep Ritz method minimizes. Add "
            "energy=Energy(lambda u: ..., on=domain.interior), or solve it with --solver pinn."
        )
    return problem.energy


def _check_balance(balance: Balance | None) -> None:
    if balance is not None and not (type(balance) is Static and not balance.weights):
        raise ValueError(
            f"A balance, {type(balance).__name__}, weighs residuals, but the terms of an energy "
            "have their own weights. Leave it out; --solver.penalty weighs essential conditions."
        )


def _shaped(problem: Problem, core: nn.Module, plan: HardPlan | None) -> nn.Module:
    """A network in its hard conditions, above its obstacles, as states."""
    _check_conforming(core)
    model = core if plan is None else plan.wrap(core)
    energy = problem.energy
    if isinstance(energy, Energy) and energy.at_least:
        bounds = [energy.at_least.get(c.field) for c in components(problem)]
        model = Floor(model, problem.coordinates, bounds)
    return States(model, problem.outputs) if isinstance(energy, Rayleigh) else model


def _check_conforming(model: nn.Module) -> None:
    """Networks that jump have an energy that does not see the jumps."""
    for name, module in model.named_modules():
        if not getattr(module, "conforming", True):
            raise ValueError(
                f"The network's part {name or type(module).__name__!r} is discontinuous across its "
                "patches, and an energy does not see jumps: its minimum means nothing. Take smooth "
                "windows."
            )
