"""Random features whose number, range and patches are searched."""

from pdenet.solvers.features.builder import width_of
from pdenet.solvers.features.defaults import (
    check_patches,
    default_features,
    first_patches,
    points_for,
)
from pdenet.solvers.features.search import Ending, FeatureSearch, summary
from pdenet.solvers.features.trials import Result, Trial, best_of
from pdenet.solvers.features.turns import UNSEEN, next_trial

__all__ = [
    "UNSEEN",
    "Ending",
    "FeatureSearch",
    "Result",
    "Trial",
    "best_of",
    "check_patches",
    "default_features",
    "first_patches",
    "next_trial",
    "points_for",
    "summary",
    "width_of",
]
