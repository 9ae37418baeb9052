"""The training step, written once, as a LightningModule; a subclass says which terms it has."""

from __future__ import annotations

import copy
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import pytorch_lightning as pl
import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from pdenet.balancing import Balance, Static
from pdenet.geometry import Points
from pdenet.linear_fit.last_layer import coefficients
from pdenet.networks.initializers import Glorot, Initializer, rebuilt
from pdenet.optim import (
    OPTIMIZERS,
    Linearization,
    NonFiniteError,
    Phase,
    notes,
    objective_changed,
    stop_reason,
)
from pdenet.problem import Problem
from pdenet.record import StoppedBy
from pdenet.residuals import Batch, Residuals
from pdenet.sampling import Sampler, UniformSampler
from pdenet.solvers.compiling import Rows, compiled_or_eager
from pdenet.solvers.distributed import distributed, mean_over_ranks, rank_and_world, reduce
from pdenet.solvers.drawing import Drawing
from pdenet.solvers.linearized import linearize
from pdenet.solvers.progress import Progress, StepCounter
from pdenet.solvers.ritz.rows import EnergyRows
from pdenet.solvers.start import INITIALIZERS
from pdenet.tangent import Tangent

BLOCK_SECONDS = 0.2  # a block of steps lasts no longer, so that callbacks and Ctrl-C stay prompt


class Solver(pl.LightningModule, ABC):
    """Trains a network on a problem's residual rows under a stock Lightning Trainer.

    The loss is ``1/2 sum_c weight_c mean(r_c^2)`` over the conditions c. One first-order phase
    runs by Lightning's automatic optimization, so that clipping, accumulation and stock callbacks
    work; everything else is stepped here.

    Args:
        residuals: Problem and network.
        sampler: Where the points come from.
        optimizer: Phases, in turn.
        balance: Weights of the conditions.
        seed: Seed of the points.
        block: Optimizer steps a Lightning batch; callbacks see blocks.
        compile_after: Steps after which residual rows are compiled by ``torch.compile``; None
            never. By steps, not by the clock, so that a resumed run computes the same.
        steps_per_epoch: Batches that Lightning counts as an epoch.

    Raises:
        ValueError: No phase, a block that is not positive, or a sampler that needs features that
            the solver does not tell.
    """

    tells_features = False
    """Whether samplers learn the features of the network's last layer."""

    direct = False
    """Whether it solves and ends by itself soon: then no target has to end it before."""

    def __init__(
        self,
        residuals: Residuals,
        *,
        sampler: Sampler | None = None,
        optimizer: Sequence[Phase] | None = None,
        balance: Balance | None = None,
        seed: int = 0,
        block: int = 1,
        compile_after: int | None = None,
        steps_per_epoch: int = 1000,
    ) -> None:
        super().__init__()
        self.phases = tuple(OPTIMIZERS["adam"]() if optimizer is None else optimizer)
        if not self.phases or block < 1 or steps_per_epoch < 1:
            raise ValueError(
                f"optimizer={optimizer}, block={block}, steps_per_epoch={steps_per_epoch}: at "
                "least one phase, one step a block and one batch an epoch are needed."
            )
        self.residuals = residuals
        self.sampler = UniformSampler() if sampler is None else self._accepted(sampler)
        self.balance = Static() if balance is None else balance
        self.seed = seed
        self.block = block
        self.steps_per_epoch = steps_per_epoch
        self.progress = Progress()
        self.automatic_optimization = len(self.phases) == 1 and block == 1 and self._plain()
        regions = {n: c.on for n, c in residuals.conditions.items()}
        self.sampler.bind(regions, seed)
        # Weights of conditions that turn out to be imposed are no mistake.
        self.balance.bind({n: c.on for n, c in residuals.problem.conditions.items()}, seed)
        self.balance.attach(residuals)
        self.compile_after = compile_after
        self._compiled: Rows | None = None
        self._resumed = False
        self.drawing = Drawing(residuals, self.sampler)
        self._weights: dict[str, Tensor] = {}
        self._terms: dict[str, Tensor] = {}
        self._last_loss = torch.tensor(torch.nan)
        self._tangent: tuple[int, Tangent] | None = None
        self._optimizer_list: list[LightningOptimizer] = []
        self.initializer: Initializer = Glorot()
        self._build: Callable[[Initializer], nn.Module] | None = None

    @abstractmethod
    def objective(self, rows: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> Tensor:
        """The loss, from rows of residuals and the balance's weights; a scalar."""

    def starts_from(
        self, initializer: Initializer, build: Callable[[Initializer], nn.Module]
    ) -> None:
        """Says where the network came from, and how one from another start is built.

        Args:
            initializer: Where it came from.
            build: Builds the whole network, hard conditions included, from an initializer.
        """
        self.initializer, self._build = initializer, build

    def restart(self, initializer: Initializer) -> None:
        """Puts a network from another start in place of this one, before optimizers are built.

        Args:
            initializer: Structure and draw.

        Raises:
            ValueError: This solver has no network that could be built anew, or the initializer does
                not suit it.
        """
        if self._build is None:
            raise ValueError(
                f"{type(self).__name__} builds its network by itself and takes no initializer."
            )
        self.residuals.model = self._build(initializer).to(self.device)
        self.initializer = initializer
        self._compiled, self._tangent, self._weights = None, None, {}
        self.balance.attach(self.residuals)

    def measured(self, name: str, rows: Tensor) -> Tensor:
        """What :attr:`terms` shows of a condition: the mean square of its rows.

        Args:
            name: The condition.
            rows: Its rows, without a graph.

        Returns:
            Scalar.
        """
        return self.drawing.mean_square(name, rows)

    def indicators(self) -> dict[str, Any]:
        """What the method itself knows of the answer's accuracy; plain data for the record."""
        return {}

    def remarks(self, indicators: Mapping[str, Any]) -> list[str]:
        """What that says, one sentence each.

        Args:
            indicators: What :meth:`indicators` returned.

        Returns:
            Sentences for the verdict's reasons.
        """
        return []

    def constants(self) -> dict[str, tuple[float, float | None]]:
        """Numbers that the method finds beside the fields, with exact ones where known."""
        return {}

    @property
    def problem(self) -> Problem:
        """The problem that is trained."""
        return self.residuals.problem

    @property
    def phase(self) -> Phase:
        """The phase at work."""
        return self.phases[self.progress.phase]

    def use_sampler(self, sampler: Sampler) -> None:
        """Draws points from another sampler, from the start of the next fit.

        Args:
            sampler: Bound to the problem's regions here.

        Raises:
            ValueError: It needs features that this solver does not tell.
        """
        self._accepted(sampler).bind(
            {n: c.on for n, c in self.residuals.conditions.items()}, self.seed
        )
        self.sampler = self.drawing.sampler = sampler

    def _accepted(self, sampler: Sampler) -> Sampler:
        """The sampler, unless it would wait for features in vain."""
        if sampler.needs_features and not self.tells_features:
            raise ValueError(
                f"{type(sampler).__name__} draws points for the features that a last layer is "
                f"solved with, which {type(self).__name__} does not do. It is for --solver "
                "least-squares; with others take an adaptive sampler, such as --sampler rad."
            )
        return sampler

    @property
    def terms(self) -> dict[str, float]:
        """Mean squared residual of each condition at the last step; see :meth:`measured`."""
        return {name: float(value) for name, value in self._terms.items()}

    @property
    def loss(self) -> float:
        """The loss at the last step; NaN before the first."""
        return float(self._last_loss)

    @property
    def notes(self) -> list[str]:
        """What the optimizers decided on the way, and why, one sentence each."""
        pairs = zip(self.phases, self._optimizer_list, strict=False)
        return [f"{phase.name}: {note}" for phase, o in pairs for note in notes(o.optimizer)]

    @property
    def points(self) -> dict[str, Points]:
        """The training points of the last step."""
        return self.drawing.points

    def forward(self, x: Tensor) -> Tensor:
        """All field components (n, m) at coordinates (n, d)."""
        return self.residuals.model(x)

    # -- Lightning hooks ---------------------------------------------------------------------

    def setup(self, stage: str) -> None:
        """Lets the initializer fit what needs the problem, before a run that starts afresh."""
        fresh = self.progress.step == 0 and self.trainer.ckpt_path is None
        if stage == "fit" and fresh and self.initializer.fits:
            # A copy: what a sampler with a state draws here must not change what it draws later.
            self.initializer.fit(self.residuals, copy.deepcopy(self.sampler).draw(0))

    def train_dataloader(self) -> StepCounter:
        """A counter of steps; see :class:`StepCounter`."""
        return StepCounter(self.steps_per_epoch)

    def configure_optimizers(self) -> Any:
        """Every phase's optimizer, so that a checkpoint holds them all."""
        optimizers = [p.build_separated(self._trained(), self._linear) for p in self.phases]
        schedules = [p.scheduler(o) for p, o in zip(self.phases, optimizers, strict=True)]
        if not self.automatic_optimization:
            return optimizers, [s for s in schedules if s is not None]
        if schedules[0] is None:
            return optimizers[0]
        return {
            "optimizer": optimizers[0],
            "lr_scheduler": {"scheduler": schedules[0], "interval": "step"},
        }

    def on_fit_start(self) -> None:
        """Finds this run's optimizers once; asking Lightning at each step costs more."""
        if distributed():
            self.balance.reduce, self.balance.shard = reduce, rank_and_world()
        if not self.automatic_optimization:
            optimizers = self.optimizers()
            self._optimizer_list = optimizers if isinstance(optimizers, list) else [optimizers]

    def training_step(self, batch: int, batch_idx: int) -> Tensor | None:
        """One step, or a block of them."""
        if self.automatic_optimization:
            loss = self._loss()
            self.progress.step += 1
            self.log("loss", loss.detach(), prog_bar=True)
            return loss
        loss = self._block_of_steps()
        self.log("loss", loss, prog_bar=True)
        return None

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds plain data that say what is solved and where training stands."""
        checkpoint["pdenet"] = {
            "problem": self.problem.name,
            "parameters": dict(self.problem.parameters),
            "seed": self.seed,
            "progress": dict(vars(self.progress)),
            "weights": self._weights,
            "initializer": self.initializer.describe(),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Checks that the checkpoint belongs to this problem and finds the place to go on.

        Raises:
            ValueError: It belongs to another problem, or is none of ours.
        """
        saved = checkpoint.get("pdenet")
        mine = (self.problem.name, dict(self.problem.parameters), self.seed)
        if saved is None or (saved["problem"], saved["parameters"], saved["seed"]) != mine:
            theirs = saved and (saved["problem"], saved["parameters"], saved["seed"])
            raise ValueError(
                f"The checkpoint belongs to (problem, parameters, seed) = {theirs}, but this run "
                f"solves {mine}; resume with the same problem, parameters and seed."
            )
        self._follow(saved["initializer"])
        self.progress = Progress(**{**saved["progress"], "stopped_by": None, "stop_reason": ""})
        self._resumed = True
        weights = saved["weights"]
        # Weights of points are those of the first rank's points.
        if distributed() and any(w.ndim for w in weights.values()):
            weights = {}
        self._weights = {name: w.to(self.device) for name, w in weights.items()}

    def _follow(self, description: Mapping[str, Any]) -> None:
        """Builds the network that a checkpoint's parameters belong to."""
        mine = self.initializer.describe()
        if description == mine:
            return
        if mine != Glorot().describe():
            raise ValueError(
                f"The checkpoint's network starts from {description}, but this run's from {mine}; "
                "resume with the same initializer, or with none."
            )
        self.restart(rebuilt(description, INITIALIZERS))

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Takes back what ``state_dict`` gave.

        Args:
            state_dict: Its result.
            strict: Whether all names must match.
            assign: Whether tensors are taken over instead of copied.

        Returns:
            Names that do not match.

        Raises:
            ValueError: It belongs to another network.
        """
        try:
            return super().load_state_dict(state_dict, strict, assign)
        except RuntimeError as error:
            raise ValueError(
                "The checkpoint does not fit the network, sampler and balance of this run: "
                f"{' '.join(str(error).split()):.300}"
            ) from error

    # -- steps -------------------------------------------------------------------------------

    def _block_of_steps(self) -> Tensor:
        start, loss = time.perf_counter(), torch.zeros(())
        for _ in range(self._block_size()):
            loss = self._advance()
            if self.trainer.should_stop:
                break
            # Ranks must leave together, and their clocks differ.
            if not distributed() and time.perf_counter() - start > BLOCK_SECONDS:
                break
        return loss

    def _block_size(self) -> int:
        left = self.trainer.max_steps - self.trainer.global_step
        return self.block if self.trainer.max_steps < 0 else max(1, min(self.block, left))

    def _advance(self) -> Tensor:
        """One optimizer step, and the turn to the next phase where it ends one."""
        optimizer = self._optimizer_list[self.progress.phase]
        if self._draw():
            self._weights = {}
            objective_changed(optimizer.optimizer)
        given = {"linearize": self.linearization} if self.phase.consumes == "jacobian" else {}
        try:
            loss = optimizer.step(closure=self.closure, **given)
        except NonFiniteError:
            self._refuse_non_finite()
        self._last_loss = torch.as_tensor(loss)
        self._step_schedule()
        self.progress.step += 1
        reason = stop_reason(optimizer.optimizer)
        done = self.progress.step - self.progress.phase_start
        if reason or (self.phase.steps is not None and done >= self.phase.steps):
            self._end_phase(reason, done)
        return loss

    def _end_phase(self, reason: str | None, done: int) -> None:
        if self.progress.phase + 1 < len(self.phases):
            self.progress.phase += 1
            self.progress.phase_start = self.progress.step
            self._weights = {}
        elif reason is None:
            self.stop("max-steps", f"{self.phase.name} took its {done} steps")
        else:
            self.stop("converged" if reason.startswith("converged") else "no-progress", reason)

    def stop(self, stopped_by: StoppedBy, reason: str) -> None:
        """Asks the trainer to end after this block."""
        self.note(stopped_by, reason)
        self.trainer.should_stop = True

    def note(self, stopped_by: StoppedBy, reason: str) -> None:
        """Keeps the first reason why training ended."""
        if self.progress.stopped_by is None:
            self.progress.stopped_by, self.progress.stop_reason = stopped_by, reason

    def _step_schedule(self) -> None:
        schedulers = self.lr_schedulers()
        for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
            mine = self._optimizer_list[self.progress.phase].optimizer
            if scheduler is not None and scheduler.optimizer is mine:
                scheduler.step()  # type: ignore[call-arg]

    def closure(self) -> Tensor:
        """Loss at this step's points, with its gradient in the parameters.

        Returns:
            Scalar, without a graph; the same on every rank.
        """
        with torch.enable_grad():
            loss = self._loss()
            parameters = self._trained()
            gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        for p, g in zip(parameters, gradients, strict=True):
            p.grad = torch.zeros_like(p) if g is None else g
        return mean_over_ranks(loss.detach(), [p.grad for p in parameters if p.grad is not None])

    @property
    def row_source(self) -> Residuals | EnergyRows:
        """What J is taken of: residual rows, or others where the loss is no sum of squares."""
        return self.residuals

    def linearization(self) -> Linearization:
        """This step's weighted rows and their Jacobian, for phases that consume one.

        A solver whose loss is no sum of squared rows has its own.

        Returns:
            The linearization, at the parameters as they are.
        """
        self._draw()
        weighing = not (self.phase.fixed_points and self._weights)
        with torch.set_grad_enabled(weighing and "gradients" in self.balance.needs):
            loss = self._judge(self.residuals(self.drawing.batch)).detach()
        return linearize(loss, self.drawing, self._weights, self._tangent_here(), self.objective)

    def _tangent_here(self) -> Tangent:
        """J at this step's points; what it learns of the network serves all sets of points."""
        version, source = self.drawing.version, self.row_source
        points = {name: self.drawing.points[name] for name in source.names}
        if self._tangent is None:
            self._tangent = version, Tangent(source, points, shard=rank_and_world())
        elif self._tangent[0] != version:
            self._tangent = version, self._tangent[1].at(points)
        return self._tangent[1]

    def _loss(self) -> Tensor:
        self._draw()
        return self._judge(self._evaluate(self.drawing.batch))

    def _judge(self, rows: Mapping[str, Tensor]) -> Tensor:
        """The loss, from rows; weighs them where their weights are not settled."""
        # Losses of one line search compare only under the same weights.
        if not (self.phase.fixed_points and self._weights):
            self._weights = self.balance.weigh(
                self.progress.step, rows, self.drawing.mine, lambda: self._gradient_norms(rows)
            )
        loss = self.objective(rows, self._weights)
        self._terms = {n: self.measured(n, r.detach()) for n, r in rows.items()}
        self._last_loss = loss.detach()
        # A line search may try a step too far, and comes back from it. Ranks give up together.
        if not self.phase.fixed_points and reduce((~loss.isfinite()).to(loss), "max") > 0:
            self._refuse_non_finite()
        return loss

    def _evaluate(self, batch: dict[str, Batch]) -> dict[str, Tensor]:
        if self.compile_after is None or self.progress.step < self.compile_after:
            return self.residuals(batch)
        if self._compiled is None:
            self._compiled = compiled_or_eager(self.residuals, batch)
        return self._compiled(batch)

    def _draw(self) -> bool:
        """This step's points, free while they stay the same; whether they replaced others."""
        done = self.progress.step - self.progress.phase_start
        if self._resumed and done > 0:
            self.drawing.at(self._drawing_step(done - 1))  # what the step before the stop used
        self._resumed = False
        return self.drawing.at(self._drawing_step(done))

    def _drawing_step(self, done: int) -> int:
        return self.progress.phase_start + self.phase.drawing_step(done)

    def _gradient_norms(self, rows: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Norm of each term's gradient, at the price of one reverse pass a term."""
        norms = {}
        for name, r in rows.items():
            with torch.enable_grad():  # balances weigh without a graph
                term = self.drawing.mean_square(name, r)
            gradients = torch.autograd.grad(
                term, self._trained(), retain_graph=True, allow_unused=True
            )
            found = [g for g in gradients if g is not None]
            mean_over_ranks(torch.zeros_like(term), found)
            norms[name] = torch.sqrt(torch.stack([g.square().sum() for g in found]).sum())
        return norms

    def _refuse_non_finite(self) -> NoReturn:
        bad = [name for name, value in self._terms.items() if not torch.isfinite(value)]
        raise NonFiniteError(
            f"Step {self.progress.step} ({self.phase.name}): the residual of "
            f"{', '.join(map(repr, bad)) or 'the weighted sum of all terms'}"
        )

    def _trained(self) -> list[torch.nn.Parameter]:
        return [p for p in self.residuals.parameters() if p.requires_grad]

    def _linear(self) -> list[torch.nn.Parameter]:
        """Those in which rows of linear equations are affine: the last layer's, and constants."""
        if isinstance(self.row_source, EnergyRows):
            raise ValueError(
                "Variable projection solves residual rows for the last layer, and an energy has "
                "none; take --optimizer levenberg-marquardt, or --solver pinn."
            )
        return [p for p in coefficients(self.residuals) if p.requires_grad]

    def _plain(self) -> bool:
        """Whether the only optimizer is a first-order one that Lightning can step itself."""
        first = self.phases[0]
        return not first.fixed_points and first.steps is None and first.consumes == "gradient"
