"""Watches the effective rank of the kernel at fixed probe points."""

from __future__ import annotations

import time
from typing import Any

import pytorch_lightning as pl

from pdenet.diagnostics import CONVENTION, effective_rank
from pdenet.geometry import Points
from pdenet.residuals import Residuals
from pdenet.sampling import UniformSampler
from pdenet.solvers import Solver
from pdenet.tangent import Tangent

PROBE_SEED = 2024  # not the training points: their law may change while training
MAX_ENTRIES = {True: 5e7, False: 1e7}  # of J: about a second on one core, by linear layers or not


class EffectiveRank(pl.Callback):
    """Measures effective rank when training starts, every so many steps, and when it ends.

    It is taken of the eigenvalues of K = J J^T over all trained conditions, without the balance's
    weights, and logged as ``effective_rank``. Where J would be too large for a measurement of about
    a second, none is made, and :attr:`skipped` says so.

    Args:
        every: Optimizer steps between two measurements; None measures at start and end alone.
        points: Probe points in the interior; a quarter of them on each boundary region.

    Attributes:
        steps: Steps at which it was measured.
        values: What was measured, dimensionless.
        seconds: Time that measuring took.
        skipped: Why nothing is measured, or empty.

    Raises:
        ValueError: A number is below 1.

    Reference:
        Chen, Zhou, Yang, Xiang, Luo, Quantifying training difficulty and accelerating convergence
        in neural network-based PDE solvers, arXiv 2410.06308.
    """

    def __init__(self, every: int | None = 1000, points: int = 256) -> None:
        if points < 1 or (every is not None and every < 1):
            raise ValueError(
                f"EffectiveRank(every={every}, points={points}) needs numbers of at least 1."
            )
        self.every, self.points = every, points
        self.steps: list[int] = []
        self.values: list[float] = []
        self.seconds = 0.0
        self.skipped = ""
        self._tangent: Tangent | None = None

    @property
    def state_key(self) -> str:
        """Tells this callback's state from that of others in a checkpoint."""
        return self._generate_state_key(every=self.every, points=self.points)

    def summary(self) -> dict[str, Any] | None:
        """``{initial, final, convention}`` as a record holds it; None without measurements."""
        if not self.values:
            return None
        first, last = self.values[0], self.values[-1]
        return {"initial": first, "final": last, "convention": CONVENTION}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measures the network that training starts from, unless it was measured before."""
        assert isinstance(pl_module, Solver)
        start = time.monotonic()
        try:
            self._tangent = self._build(pl_module.residuals)
            self._measure(pl_module)
        except (ValueError, RuntimeError) as error:  # a diagnosis must not end a training
            self._tangent, self.skipped = None, str(error)
        self.seconds += time.monotonic() - start

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        """Measures when it is time to, and logs."""
        assert isinstance(pl_module, Solver)
        last = self.steps[-1] if self.steps else 0
        if self.every is not None and pl_module.progress.step // self.every > last // self.every:
            start = time.monotonic()
            self._measure(pl_module)
            self.seconds += time.monotonic() - start
            if self.values:
                pl_module.log("effective_rank", self.values[-1], rank_zero_only=True)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measures the trained network."""
        assert isinstance(pl_module, Solver)
        start = time.monotonic()
        self._measure(pl_module)
        self.seconds += time.monotonic() - start
        self._tangent = None  # it holds points and network; the callback may outlive them

    def state_dict(self) -> dict[str, Any]:
        """The measurements so far, for a checkpoint."""
        return {"steps": list(self.steps), "values": list(self.values)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on with the measurements of a checkpoint."""
        self.steps, self.values = list(state_dict["steps"]), list(state_dict["values"])

    def _measure(self, solver: Solver) -> None:
        step = solver.progress.step
        if self._tangent is None or step in self.steps[-1:]:
            return
        kernel = self._tangent.gram()
        # A broken network has no rank; the solver itself says that it is broken.
        if bool(kernel.isfinite().all()) and bool(kernel.any()):
            self.steps.append(step)
            self.values.append(float(effective_rank(kernel)))

    def _build(self, residuals: Residuals) -> Tangent | None:
        trained = sum(p.numel() for p in residuals.parameters() if p.requires_grad)
        probes = _probes(residuals, self.points)
        # A lower bound of J's size refuses the hopeless before anything is computed.
        entries = trained * sum(len(p) for p in probes.values())
        if entries <= MAX_ENTRIES[True]:
            tangent = Tangent(residuals, probes)
            entries = tangent.shape[0] * tangent.shape[1]
            slow = set(tangent.general) - {n for n, c in residuals.conditions.items() if c.integral}
            if entries <= MAX_ENTRIES[not slow]:
                return tangent
        self.skipped = f"J would have {entries:.0e} entries at {self.points} probe points"
        return None


def _probes(residuals: Residuals, points: int) -> dict[str, Points]:
    """Probe points of every trained condition; of measurements, at most so many."""
    sampler = UniformSampler(points=points, boundary_points=max(1, points // 4), every=None)
    sampler.bind({name: c.on for name, c in residuals.conditions.items()}, PROBE_SEED)
    drawn = dict(sampler.draw(0))
    for name, condition in residuals.conditions.items():
        if condition.integral:
            drawn[name] = condition.on.quadrature(len(drawn[name]))
        elif len(drawn[name]) > points:
            drawn[name] = drawn[name].select(slice(0, None, -(-len(drawn[name]) // points)))
    return drawn
