"""How hard training is, read off the spectrum of the kernel K = J J^T: pure functions."""

from pdenet.diagnostics.spectrum import (
    CONVENTION,
    condition_number,
    effective_dimension,
    effective_rank,
    participation_ratio,
    spectrum,
    spectrum_by_condition,
)

__all__ = [
    "CONVENTION",
    "condition_number",
    "effective_dimension",
    "effective_rank",
    "participation_ratio",
    "spectrum",
    "spectrum_by_condition",
]
