"""Watches the loss for plateaus and descents, and the amplitudes of the neurons beneath them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from pdenet.callbacks.diagnosis import Diagnosis, Entry
from pdenet.callbacks.probe import Probe
from pdenet.diagnostics import (
    Stage,
    condensation,
    dense_layers,
    direction_clusters,
    hidden_pairs,
    neuron_amplitudes,
    training_stages,
    wasserstein,
    with_motion,
)
from pdenet.solvers import Solver

LOSSES = 2000  # that are kept; then every second one goes, and only every second one is taken


class TrainingStages(Diagnosis):
    """Splits training into an initial plateau, descents and plateaus.

    The loss is taken after every batch. Amplitudes of neurons are taken every so many steps: their
    Wasserstein distance to those of the start and to those of the look before, over their mean,
    shows what moves beneath a loss that stands still. Logged are ``amplitude_change``,
    ``amplitude_distance`` and ``condensation`` (1 where all neurons of a layer point along one
    line), each a mean over the hidden layers.

    Args:
        every: Optimizer steps between two looks at the amplitudes.
        probe: Not looked at; it may be shared with other callbacks.

    Raises:
        ValueError: ``every`` is below 1.

    Reference:
        Chen, Luo, Wang, Analyzing multi-stage loss curve, arXiv 2410.20119.
    """

    topic = "stages"
    probes = False

    def __init__(self, every: int | None = 100, probe: Probe | None = None) -> None:
        super().__init__(every, probe)
        self.loss_steps: list[int] = []
        self.losses: list[float] = []
        self._each = 1
        self._batches = 0
        self._first: list[Tensor] = []
        self._last: list[Tensor] = []

    @property
    def stages(self) -> list[Stage]:
        """The stages so far, with the step of every change."""
        stages = training_stages(self.loss_steps, self.losses)
        seen = [e for e in self.history if "amplitude_change" in e]
        return with_motion(stages, [e["step"] for e in seen], [e["amplitude_change"] for e in seen])

    def look(self, solver: Solver) -> Entry:
        """Amplitudes of the hidden layers."""
        pairs = hidden_pairs(dense_layers(solver.residuals.model))
        now = [neuron_amplitudes(*pair) for pair in pairs]
        if not now:
            raise ValueError("The network has no hidden layer that feeds another one.")
        first, last = self._first or now, self._last or now
        entry: Entry = {}
        if self.history:
            entry["amplitude_change"] = _distance(now, last)
            entry["amplitude_distance"] = _distance(now, first)
        entry["condensation"] = _mean(
            [condensation(a.directions, x) for (a, _), x in zip(pairs, now, strict=True)]
        )
        entry["layers"] = {
            inner.name: {
                "quantiles": _quantiles(x),
                "clusters": direction_clusters(inner.directions),
            }
            for (inner, _), x in zip(pairs, now, strict=True)
        }
        self._first, self._last = first, now
        return entry

    def summary(self) -> dict[str, Any] | None:
        """Stages, the losses they were read from, and the amplitudes."""
        if not self.losses:
            return None
        return {
            "stages": [asdict(stage) for stage in self.stages],
            "loss": {"step": self.loss_steps, "value": self.losses},
            "history": self.history,
        }

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        """Takes the loss, and looks when it is time to."""
        assert isinstance(pl_module, Solver)
        self._batches += 1
        if self._batches % self._each == 0:
            self.loss_steps.append(pl_module.progress.step)
            self.losses.append(pl_module.loss)
            if len(self.losses) > LOSSES:
                self.loss_steps, self.losses = self.loss_steps[::2], self.losses[::2]
                self._each *= 2
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def state_dict(self) -> dict[str, Any]:
        """Losses and amplitudes so far, for a checkpoint."""
        return {
            **super().state_dict(),
            "loss_steps": list(self.loss_steps),
            "losses": list(self.losses),
            "batches": [self._batches, self._each],
            "amplitudes": [list(self._first), list(self._last)],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on with the losses of a checkpoint."""
        super().load_state_dict(state_dict)
        self.loss_steps, self.losses = list(state_dict["loss_steps"]), list(state_dict["losses"])
        self._batches, self._each = state_dict["batches"]
        self._first, self._last = state_dict["amplitudes"]


def _distance(now: list[Tensor], then: list[Tensor]) -> float:
    """Wasserstein distance over mean amplitude, a mean over the layers."""
    pairs = zip(now, then, strict=True)
    return _mean([wasserstein(a, b.to(a)) / a.mean().clamp(min=1e-300) for a, b in pairs])


def _mean(values: list[Tensor]) -> float:
    return float(torch.stack(values).mean())


def _quantiles(amplitudes: Tensor) -> list[float]:
    at = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]).to(amplitudes)
    return torch.quantile(amplitudes, at).tolist()
