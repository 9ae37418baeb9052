"""How hard training is and why: pure functions of the kernel K = J J^T, of losses and weights."""

from pdenet.diagnostics.bounds import RankBounds, rank_bounds
from pdenet.diagnostics.features import (
    epsilon_rank,
    least_squares_floor,
    residual_rate,
    truncated_entropy,
)
from pdenet.diagnostics.kernels import BlockKernel, DenseKernel, Kernel, ProductKernel
from pdenet.diagnostics.prediction import predicted_energy, predicted_residual
from pdenet.diagnostics.regime import (
    LAZY,
    RICH,
    Regime,
    kernel_drift,
    linearization_error,
    regime,
)
from pdenet.diagnostics.spectrum import (
    CONVENTION,
    condition_number,
    effective_dimension,
    effective_rank,
    participation_ratio,
    spectrum,
    spectrum_by_condition,
)
from pdenet.diagnostics.stages import (
    PlateauCause,
    Stage,
    plateau_cause,
    training_stages,
    with_motion,
)
from pdenet.diagnostics.tracked import LeadingPairs, TrackedSpectrum
from pdenet.diagnostics.weights import (
    Dense,
    condensation,
    dense_layers,
    direction_clusters,
    hidden_pairs,
    neuron_amplitudes,
    relative_movement,
    wasserstein,
    weight_spectra,
)

__all__ = [
    "CONVENTION",
    "LAZY",
    "RICH",
    "BlockKernel",
    "Dense",
    "DenseKernel",
    "Kernel",
    "LeadingPairs",
    "PlateauCause",
    "ProductKernel",
    "RankBounds",
    "Regime",
    "Stage",
    "TrackedSpectrum",
    "condensation",
    "condition_number",
    "dense_layers",
    "direction_clusters",
    "effective_dimension",
    "effective_rank",
    "epsilon_rank",
    "hidden_pairs",
    "kernel_drift",
    "least_squares_floor",
    "linearization_error",
    "neuron_amplitudes",
    "participation_ratio",
    "plateau_cause",
    "predicted_energy",
    "predicted_residual",
    "rank_bounds",
    "regime",
    "relative_movement",
    "residual_rate",
    "spectrum",
    "spectrum_by_condition",
    "training_stages",
    "truncated_entropy",
    "wasserstein",
    "weight_spectra",
    "with_motion",
]
