"""The loss at points that a sampler draws: rows, weights, gradient, and linearization."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import NoReturn

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from pdenet.balancing import Balance
from pdenet.geometry import Points
from pdenet.optim import Linearization, NonFiniteError, Phase
from pdenet.problem import Problem
from pdenet.residuals import Residuals
from pdenet.sampling import Sampler
from pdenet.solvers.compiling import CompiledLater
from pdenet.solvers.distributed import reduce
from pdenet.solvers.drawing import Drawing
from pdenet.solvers.gradients import fill_gradients, gradient_norms
from pdenet.solvers.linearized import HeldTangent, linearize
from pdenet.solvers.progress import Progress
from pdenet.solvers.ritz.rows import EnergyRows
from pdenet.tangent import Tangent


class DrawnLoss(pl.LightningModule, ABC):
    """The loss of a network at the points of a step; how steps follow each other is the solver's.

    Args:
        residuals: Problem and network.
        phases: They say how long points and weights stay.
        sampler: Where the points come from.
        balance: Weights of the conditions.
        seed: Seed of the points.
        compile_after: Steps after which residual rows are compiled; None never.

    Raises:
        ValueError: The sampler needs features that the solver does not tell.
    """

    tells_features = False
    """Whether samplers learn the features of the network's last layer."""

    def __init__(
        self,
        residuals: Residuals,
        phases: Sequence[Phase],
        *,
        sampler: Sampler,
        balance: Balance,
        seed: int,
        compile_after: int | None,
    ) -> None:
        super().__init__()
        self.phases = tuple(phases)
        self.residuals = residuals
        self.sampler = self._accepted(sampler)
        self.balance = balance
        self.seed = seed
        self.progress = Progress()
        self.sampler.bind({n: c.on for n, c in residuals.conditions.items()}, seed)
        # Weights of conditions that turn out to be imposed are no mistake.
        self.balance.bind({n: c.on for n, c in residuals.problem.conditions.items()}, seed)
        self.balance.attach(residuals)
        self.drawing = Drawing(residuals, self.sampler)
        self.compile_after = compile_after
        self._forget_network()
        self._resumed = False
        self._terms: dict[str, Tensor] = {}
        self._last_loss = torch.tensor(torch.nan)

    def _forget_network(self) -> None:
        """Drops what belongs to the network as it was."""
        self._rows = CompiledLater(self.residuals, self.compile_after)
        self._tangent = HeldTangent()
        self._weights: dict[str, Tensor] = {}

    @abstractmethod
    def objective(self, rows: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> Tensor:
        """The loss, from rows of residuals and the balance's weights; a scalar."""

    def measured(self, name: str, rows: Tensor) -> Tensor:
        """What :attr:`terms` shows of a condition: the mean square of its rows.

        Args:
            name: The condition.
            rows: Its rows, without a graph.

        Returns:
            Scalar.
        """
        return self.drawing.mean_square(name, rows)

    @property
    def row_source(self) -> Residuals | EnergyRows:
        """What J is taken of: residual rows, or others where the loss is no sum of squares."""
        return self.residuals

    @property
    def problem(self) -> Problem:
        """The problem that is trained."""
        return self.residuals.problem

    @property
    def phase(self) -> Phase:
        """The phase at work."""
        return self.phases[self.progress.phase]

    @property
    def terms(self) -> dict[str, float]:
        """Mean squared residual of each condition at the last step; see :meth:`measured`."""
        return {name: float(value) for name, value in self._terms.items()}

    @property
    def loss(self) -> float:
        """The loss at the last step; NaN before the first."""
        return float(self._last_loss)

    @property
    def points(self) -> dict[str, Points]:
        """The training points of the last step."""
        return self.drawing.points

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

    def forward(self, x: Tensor) -> Tensor:
        """All field components (n, m) at coordinates (n, d)."""
        return self.residuals.model(x)

    def closure(self) -> Tensor:
        """Loss at this step's points, with its gradient in the parameters.

        Returns:
            Scalar, without a graph; the same on every rank.
        """
        with torch.enable_grad():
            return fill_gradients(self._loss(), self._trained())

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
        """J at this step's points."""
        return self._tangent.at(self.drawing, self.row_source)

    def _loss(self) -> Tensor:
        self._draw()
        return self._judge(self._rows(self.drawing.batch, self.progress.step))

    def _judge(self, rows: Mapping[str, Tensor]) -> Tensor:
        """The loss, from rows; weighs them where their weights are not settled."""
        # Losses of one line search compare only under the same weights.
        if not (self.phase.fixed_points and self._weights):
            self._weights = self.balance.weigh(
                self.progress.step,
                rows,
                self.drawing.mine,
                lambda: gradient_norms(rows, self.drawing.mean_square, self._trained()),
            )
        loss = self.objective(rows, self._weights)
        self._terms = {n: self.measured(n, r.detach()) for n, r in rows.items()}
        self._last_loss = loss.detach()
        # A line search may try a step too far, and comes back from it. Ranks give up together.
        if not self.phase.fixed_points and reduce((~loss.isfinite()).to(loss), "max") > 0:
            self._refuse_non_finite()
        return loss

    def _refuse_non_finite(self) -> NoReturn:
        bad = [name for name, value in self._terms.items() if not torch.isfinite(value)]
        raise NonFiniteError(
            f"Step {self.progress.step} ({self.phase.name}): the residual of "
            f"{', '.join(map(repr, bad)) or 'the weighted sum of all terms'}"
        )

    def _draw(self) -> bool:
        """This step's points, free while they stay the same; whether they replaced others."""
        done = self.progress.done
        if self._resumed and done > 0:
            self.drawing.at(self._drawing_step(done - 1))  # what the step before the stop used
        self._resumed = False
        return self.drawing.at(self._drawing_step(done))

    def _drawing_step(self, done: int) -> int:
        return self.progress.phase_start + self.phase.drawing_step(done)

    def _trained(self) -> list[nn.Parameter]:
        return [p for p in self.residuals.parameters() if p.requires_grad]
