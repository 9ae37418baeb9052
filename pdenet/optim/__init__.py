"""Optimizers, as phases of training. They know nothing of differential equations."""

from pdenet.optim.broyden import FactoredInverse
from pdenet.optim.errors import NonFiniteError
from pdenet.optim.first_order import Adam, AdamW
from pdenet.optim.limited_memory import LimitedMemoryInverse
from pdenet.optim.line_search import Wolfe
from pdenet.optim.muon import Muon
from pdenet.optim.phases import Phase, objective_changed, stop_reason
from pdenet.optim.quasi_newton import QuasiNewton, Stopping
from pdenet.optim.second_order import LBFGS, Broyden
from pdenet.optim.sequences import OPTIMIZERS

__all__ = [
    "LBFGS",
    "OPTIMIZERS",
    "Adam",
    "AdamW",
    "Broyden",
    "FactoredInverse",
    "LimitedMemoryInverse",
    "Muon",
    "NonFiniteError",
    "Phase",
    "QuasiNewton",
    "Stopping",
    "Wolfe",
    "objective_changed",
    "stop_reason",
]
