"""Measures loss and error while training, and ends it at the target."""

from __future__ import annotations

import time

import pytorch_lightning as pl

from pdenet.accuracy import Comparison, unknown_errors
from pdenet.operator_errors import OperatorComparison
from pdenet.optim import NonFiniteError
from pdenet.record import Curve
from pdenet.solvers import Solver


class Measure(pl.Callback):
    """Writes the curve of loss and error, logs the error, and ends training at the target.

    Args:
        comparison: Reference on a quadrature, or None.
        target: Relative L2 error of the worst field at which training ends; None trains on.
        every_seconds: Least time between two measurements.
        every_steps: Measures every so many steps instead, so that what is measured does not
            depend on the machine.

    Raises:
        ValueError: ``target`` or an interval is not positive.
    """

    def __init__(
        self,
        comparison: Comparison | OperatorComparison | None = None,
        target: float | None = None,
        every_seconds: float = 1.0,
        every_steps: int | None = None,
    ) -> None:
        if (target is not None and not target > 0) or not every_seconds > 0 or every_steps == 0:
            raise ValueError(
                f"Measure(target={target}, every_seconds={every_seconds}, "
                f"every_steps={every_steps}) needs positive numbers."
            )
        self.comparison = comparison
        self.target = target
        self.every_seconds = every_seconds
        self.every_steps = every_steps
        self.curve = Curve()
        self.seconds_measuring = 0.0
        self._start = 0.0
        self._last = float("-inf")

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Starts the clock; a resumed run's clock goes on from its curve."""
        before = self.curve.seconds[-1] if self.curve.seconds else 0.0
        self._start = time.monotonic() - before

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        """Measures when it is time to; ranks agree, so that they leave together."""
        assert isinstance(pl_module, Solver)
        due = self._due(pl_module.progress.step)
        if trainer.strategy.reduce_boolean_decision(due, all=False):
            error = self.measure(pl_module)
            if error is not None:
                pl_module.log("error", error, prog_bar=True, rank_zero_only=True)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measures once more, so that the curve ends where training did."""
        assert isinstance(pl_module, Solver)
        if not self.curve.step or self.curve.step[-1] != pl_module.progress.step:
            self.measure(pl_module)

    def measure(self, solver: Solver) -> float | None:
        """Appends one entry to the curve; its own time does not count as training.

        Args:
            solver: The solver in training.

        Returns:
            Worst relative L2 error, or None without a reference.

        Raises:
            NonFiniteError: The parameters are not finite, so that there is nothing to measure.
        """
        start = time.monotonic()
        if not all(bool(p.isfinite().all()) for p in solver.parameters()):
            raise NonFiniteError(f"Step {solver.progress.step}: a parameter")
        error = self._error(solver)
        curve = self.curve
        curve.step.append(solver.progress.step)
        curve.seconds.append(start - self._start)
        curve.loss.append(solver.loss)
        curve.error.append(error)
        curve.terms.append(solver.terms)
        curve.phase.append(solver.phase.name)
        if error is not None and self.target is not None and error <= self.target:
            solver.stop("target", f"the error {error:.2e} is below {self.target:.2e}")
        self._last = time.monotonic()
        self._start += self._last - start
        self.seconds_measuring += self._last - start
        return error

    def state_dict(self) -> dict[str, object]:
        """The curve so far, for a checkpoint."""
        return {"curve": dict(vars(self.curve))}

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        """Goes on with the curve of a checkpoint."""
        self.curve = Curve(**state_dict["curve"])  # type: ignore[arg-type]

    def _due(self, step: int) -> bool:
        if self.every_steps is not None:
            last = self.curve.step[-1] if self.curve.step else 0
            return step // self.every_steps > last // self.every_steps
        return time.monotonic() - self._last >= self.every_seconds

    def _error(self, solver: Solver) -> float | None:
        if self.comparison is None:
            return None
        found = {**self.comparison.errors(solver.residuals), **unknown_errors(solver.residuals)}
        return max((e.relative_l2 for e in found.values()), default=None)
