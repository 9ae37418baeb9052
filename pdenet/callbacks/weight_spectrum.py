"""Watches the singular values of the network's weights."""

from __future__ import annotations

from pdenet.callbacks.diagnosis import Diagnosis, Entry
from pdenet.callbacks.probe import Probe
from pdenet.diagnostics import dense_layers, weight_spectra
from pdenet.solvers import Solver

SHOWN = 128  # singular values kept of a layer


class WeightSpectrum(Diagnosis):
    """Keeps the singular values of every dense layer; logs the largest, ``weight_norm``.

    Args:
        every: Optimizer steps between two looks; None looks at start and end alone.
        probe: Not looked at; it may be shared with other callbacks.

    Raises:
        ValueError: ``every`` is below 1.
    """

    topic = "weight_spectrum"
    probes = False

    def __init__(self, every: int | None = 100, probe: Probe | None = None) -> None:
        super().__init__(every, probe)

    def look(self, solver: Solver) -> Entry:
        """Singular values by layer, largest first."""
        found = weight_spectra(dense_layers(solver.residuals.model))
        if not found:
            raise ValueError("The network has no dense layers.")
        largest = max(float(values[0]) for values in found.values())
        layers = {name: values[:SHOWN].tolist() for name, values in found.items()}
        return {"weight_norm": largest, "layers": layers}
