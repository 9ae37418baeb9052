"""The training step, written once, as a LightningModule; a subclass says which terms it has."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from pdenet.balancing import Balance, Static
from pdenet.linear_fit.last_layer import coefficients
from pdenet.networks.initializers import Glorot, Initializer
from pdenet.optim import (
    OPTIMIZERS,
    NonFiniteError,
    Phase,
    notes,
    objective_changed,
    stop_reason,
)
from pdenet.record import StoppedBy
from pdenet.residuals import Residuals
from pdenet.sampling import Sampler, UniformSampler
from pdenet.solvers.checkpoint import (
    identity,
    initializer_to_follow,
    saved_by,
    weights_to_keep,
)
from pdenet.solvers.distributed import distributed, rank_and_world, reduce
from pdenet.solvers.drawn_loss import DrawnLoss
from pdenet.solvers.progress import Progress, StepCounter
from pdenet.solvers.ritz.rows import EnergyRows
from pdenet.solvers.stepping import (
    block_of_steps,
    optimizers_with_schedules,
    step_schedule,
    stepped_by_lightning,
)


class Solver(DrawnLoss):
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
        phases = tuple(OPTIMIZERS["adam"]() if optimizer is None else optimizer)
        if not phases or block < 1 or steps_per_epoch < 1:
            raise ValueError(
                f"optimizer={optimizer}, block={block}, steps_per_epoch={steps_per_epoch}: at "
                "least one phase, one step a block and one batch an epoch are needed."
            )
        super().__init__(
            residuals,
            phases,
            sampler=UniformSampler() if sampler is None else sampler,
            balance=Static() if balance is None else balance,
            seed=seed,
            compile_after=compile_after,
        )
        self.block = block
        self.steps_per_epoch = steps_per_epoch
        self.automatic_optimization = stepped_by_lightning(phases, block)
        self.initializer: Initializer = Glorot()
        self._build: Callable[[Initializer], nn.Module] | None = None
        self._optimizer_list: list[LightningOptimizer] = []

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
        self._forget_network()
        self.balance.attach(self.residuals)

    # -- what a method knows besides its loss --------------------------------------------------

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
    def notes(self) -> list[str]:
        """What the optimizers decided on the way, and why, one sentence each."""
        pairs = zip(self.phases, self._optimizer_list, strict=False)
        return [f"{phase.name}: {note}" for phase, o in pairs for note in notes(o.optimizer)]

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
        return optimizers_with_schedules(self.phases, self._trained(), self._linear)

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
        loss = block_of_steps(self._advance, self.trainer, self.block)
        self.log("loss", loss, prog_bar=True)
        return None

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds plain data that say what is solved and where training stands."""
        checkpoint["pdenet"] = {
            **identity(self.problem, self.seed),
            "progress": dict(vars(self.progress)),
            "weights": self._weights,
            "initializer": self.initializer.describe(),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Checks that the checkpoint belongs to this problem and finds the place to go on.

        Raises:
            ValueError: It belongs to another problem, or is none of ours.
        """
        saved = saved_by(identity(self.problem, self.seed), checkpoint)
        start = initializer_to_follow(saved["initializer"], self.initializer)
        if start is not None:
            self.restart(start)
        self.progress = Progress(**{**saved["progress"], "stopped_by": None, "stop_reason": ""})
        self._resumed = True
        self._weights = weights_to_keep(saved["weights"], self.device)

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
        step_schedule(self.lr_schedulers(), optimizer.optimizer)
        self.progress.step += 1
        reason, done = stop_reason(optimizer.optimizer), self.progress.done
        if reason or (self.phase.steps is not None and done >= self.phase.steps):
            self._end_phase(reason, done)
        return loss

    def _end_phase(self, reason: str | None, done: int) -> None:
        if self.progress.phase + 1 < len(self.phases):
            self.progress.turn()
            self._weights = {}
        elif reason is None:
            self.stop("max-steps", f"{self.phase.name} took its {done} steps")
        else:
            self.stop("converged" if reason.startswith("converged") else "no-progress", reason)

    def stop(self, stopped_by: StoppedBy, reason: str) -> None:
        """Asks the trainer to end after this block."""
        self.progress.end(stopped_by, reason)
        self.trainer.should_stop = True

    def _linear(self) -> list[nn.Parameter]:
        """Those in which rows of linear equations are affine: the last layer's, and constants."""
        if isinstance(self.row_source, EnergyRows):
            raise ValueError(
                "Variable projection solves residual rows for the last layer, and an energy has "
                "none; take --optimizer levenberg-marquardt, or --solver pinn."
            )
        return [p for p in coefficients(self.residuals) if p.requires_grad]
