"""Watches the eigenvalues of the kernel, of all conditions together and of each alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from pdenet.callbacks.diagnosis import Diagnosis, Entry
from pdenet.callbacks.probe import DENSE, Probe
from pdenet.diagnostics import participation_ratio, spectrum_by_condition
from pdenet.solvers import Solver

SHOWN = 64  # eigenvalues kept of a spectrum, evenly over the logarithm of their number


class KernelSpectrum(Diagnosis):
    """Keeps the kernel's spectra over time; logs ``kernel_largest`` and ``participation_ratio``.

    Spectra of single conditions say which of them trains slowly; they are left out where the
    kernel has more than 1024 rows.

    Args:
        every: Optimizer steps between two looks; None looks at start and end alone.
        probe: Probe points; callbacks that share a probe share J.

    Raises:
        ValueError: ``every`` is below 1.
    """

    topic = "kernel_spectrum"

    def __init__(self, every: int | None = 100, probe: Probe | None = None) -> None:
        super().__init__(every, probe)

    def look(self, solver: Solver) -> Entry:
        """Eigenvalues, each with its number, from 1."""
        moment = self.probe.now
        whole = moment.spectrum
        spectra = {"all conditions": _thinned(whole.values)}
        if len(moment.rows) > 1 and len(moment.z) <= DENSE:
            parts = spectrum_by_condition(moment.kernel, moment.rows)
            spectra |= {name: _thinned(values) for name, values in parts.items()}
        entry: Entry = {"kernel_largest": float(whole.values[0])}
        if whole.bounds.lower == whole.bounds.upper:
            entry["participation_ratio"] = float(participation_ratio(whole.values))
        return {**entry, "spectra": spectra}


def _thinned(values: Tensor) -> dict[str, list[Any]]:
    """Some of the eigenvalues with their numbers: a line over a logarithmic axis needs no more."""
    wanted = np.unique(np.geomspace(1, len(values), SHOWN).round().astype(int))
    return {"index": wanted.tolist(), "value": [float(values[i - 1]) for i in wanted]}
