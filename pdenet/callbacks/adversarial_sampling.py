"""Plugs adversarial adaptive sampling into a solver under a stock Trainer."""

from __future__ import annotations

import math
from typing import Any

import pytorch_lightning as pl

from pdenet.sampling import AdversarialSampler
from pdenet.solvers import Solver


class AdversarialSampling(pl.Callback):
    """Lets a flow seek the residual that the solver lowers, whatever sampler the solver has.

    The sampler takes over the numbers of points of the one that it replaces. It works with every
    solver and optimizer: points stay for as long as the phase at work wants them fixed. Checkpoints
    hold flow, its optimizer and the points. Training ends when loss and variance of the squared
    residual over the points are both at most ``tolerance``.

    Args:
        tolerance: As said; None trains on.
        **options: Arguments of :class:`~pdenet.sampling.AdversarialSampler`.

    Attributes:
        sampler: The sampler, once training has begun.

    Raises:
        ValueError: An option is out of range.

    Reference:
        Tang, Zhai, Wan and Yang, Adversarial Adaptive Sampling, ICLR 2024, arXiv 2305.18702.
    """

    def __init__(self, tolerance: float | None = None, **options: Any) -> None:
        if tolerance is not None and not 0 < tolerance < math.inf:
            raise ValueError(f"tolerance={tolerance} must be positive and finite.")
        self.tolerance, self.options = tolerance, options
        self.sampler = AdversarialSampler(**options)
        self._seen = 0

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Takes the place of the solver's sampler, before a checkpoint is read.

        Raises:
            ValueError: The module is no Solver.
        """
        if not isinstance(pl_module, Solver):
            raise ValueError(
                f"AdversarialSampling moves the points of a pdenet Solver, such as PINN; got "
                f"{type(pl_module).__name__}."
            )
        if pl_module.sampler is self.sampler:
            return
        own = pl_module.sampler
        numbers = {
            "points": own.points, "boundary_points": own.boundary_points, "counts": own.counts
        }  # fmt: skip
        self.sampler = AdversarialSampler(**{**numbers, **self.options})
        pl_module.use_sampler(self.sampler)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        """Logs after an adaptation, and ends training when all is small."""
        assert isinstance(pl_module, Solver)
        if self.sampler.adapted == self._seen:
            return
        self._seen = self.sampler.adapted
        latest = self.sampler.history.latest
        for region, numbers in latest.items():
            for name, value in numbers.items():
                key = f"{name}/{region}" if len(latest) > 1 else name
                pl_module.log(key, value, rank_zero_only=True)
        self._stop_if_small(pl_module)

    def _stop_if_small(self, solver: Solver) -> None:
        variance = max(n["variance"] for n in self.sampler.history.latest.values())
        if self.tolerance is not None and max(variance, solver.loss) <= self.tolerance:
            solver.stop(
                "converged",
                f"loss {solver.loss:.1e} and variance {variance:.1e} of the squared residual are "
                f"at most {self.tolerance:.1e}",
            )
