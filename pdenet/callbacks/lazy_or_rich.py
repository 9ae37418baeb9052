"""Watches whether training moves the kernel, or runs along what it was at the start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from pdenet.callbacks.diagnosis import Diagnosis, Entry
from pdenet.callbacks.probe import DENSE, Moment, Probe
from pdenet.diagnostics import kernel_drift, linearization_error, regime, relative_movement
from pdenet.residuals import Residuals
from pdenet.solvers import Solver


class LazyOrRich(Diagnosis):
    """Measures how far training is from a linear problem with the kernel of its start.

    Logs ``kernel_drift``, ``linearization_error`` (what the model linearized at the start misses
    of the change of the residuals, by one product with its J) and ``relative_movement`` of the
    parameters. The label is lazy below a drift of 0.05, rich above 0.5: effective rank at the start
    foretells the speed only while drift is small.

    Args:
        every: Optimizer steps between two looks; None looks at start and end alone.
        probe: Probe points, no more than 1024 rows; callbacks that share a probe share J.

    Raises:
        ValueError: ``every`` is below 1.

    Reference:
        Woodworth et al., Kernel and rich regimes in overparametrized models, arXiv 2002.09277;
        Luo, Xu, Ma, Zhang, Phase diagram for two-layer ReLU neural networks, arXiv 2007.07497.
    """

    topic = "regime"

    def __init__(self, every: int | None = 100, probe: Probe | None = None) -> None:
        super().__init__(every, probe)
        self._origin: Tensor | None = None
        self._start: Moment | None = None

    @property
    def label(self) -> str | None:
        """lazy, between or rich, by the largest drift so far; None before the first look."""
        drifts = [entry["kernel_drift"] for entry in self.history]
        return regime(max(drifts)) if drifts else None

    def begin(self, solver: Solver) -> None:
        """Sees the kernel of the start, for which a resumed training goes back there a moment.

        Args:
            solver: The solver in training.

        Raises:
            ValueError: There are too many probe points.
        """
        here = nn.utils.parameters_to_vector(_trained(solver.residuals)).detach().clone()
        self._origin = here if self._origin is None else self._origin.to(here)
        with _standing_at(solver.residuals, self._origin):
            self._start = self.probe.now
            if len(self._start.z) > DENSE:
                raise ValueError(
                    f"{len(self._start.z)} rows at the probe points are too many for kernels to be "
                    f"compared; take fewer points, for at most {DENSE} rows."
                )
            self._start.kernel  # noqa: B018 - computed here, where the parameters are the start's

    def look(self, solver: Solver) -> Entry:
        """Drift, linearization error and movement."""
        assert self._origin is not None
        assert self._start is not None
        now, trained = self.probe.now, _trained(solver.residuals)
        here = nn.utils.parameters_to_vector(trained).detach()
        with _standing_at(solver.residuals, self._origin):
            predicted = self._start.linearization.jvp(here - self._origin)
        error = linearization_error(now.z, self._start.z, predicted)
        return {
            "kernel_drift": float(kernel_drift(now.kernel, self._start.kernel)),
            "linearization_error": float(error),
            "relative_movement": float(relative_movement(here, self._origin)),
        }

    def summary(self) -> dict[str, Any] | None:
        """The measurements and the label."""
        return {"label": self.label, "history": self.history} if self.history else None

    def state_dict(self) -> dict[str, Any]:
        """The measurements so far and the parameters of the start, for a checkpoint."""
        return {**super().state_dict(), "origin": self._origin}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on with the measurements of a checkpoint."""
        super().load_state_dict(state_dict)
        self._origin = state_dict["origin"]


def _trained(residuals: Residuals) -> list[nn.Parameter]:
    return [p for p in residuals.parameters() if p.requires_grad]


@contextmanager
def _standing_at(residuals: Residuals, where: Tensor) -> Iterator[None]:
    """The trained parameters take other values for a while."""
    trained = _trained(residuals)
    kept = [p.detach().clone() for p in trained]
    parts = where.split([p.numel() for p in trained])
    try:
        _set(trained, [part.view_as(p) for p, part in zip(trained, parts, strict=True)])
        yield
    finally:
        _set(trained, kept)


@torch.no_grad()
def _set(parameters: Sequence[nn.Parameter], values: Sequence[Tensor]) -> None:
    for p, value in zip(parameters, values, strict=True):
        p.copy_(value)
