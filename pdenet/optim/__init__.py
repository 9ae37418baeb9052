"""Optimizers, as phases of training. They know nothing of differential equations."""

from pdenet.optim.broyden import FactoredInverse
from pdenet.optim.damped_gauss_newton import DampedGaussNewton
from pdenet.optim.errors import NonFiniteError
from pdenet.optim.first_order import Adam, AdamW
from pdenet.optim.gauss_newton import (
    ENGD,
    ENGDW,
    SPRING,
    LevenbergMarquardt,
    VariableProjection,
)
from pdenet.optim.limited_memory import LimitedMemoryInverse
from pdenet.optim.line_search import Wolfe
from pdenet.optim.linearization import Linearization, Linearize, ResidualFunction
from pdenet.optim.muon import Muon
from pdenet.optim.natural_gradient import NaturalGradient
from pdenet.optim.phases import Phase, notes, objective_changed, stop_reason
from pdenet.optim.projected import ProjectedGaussNewton
from pdenet.optim.quasi_newton import QuasiNewton
from pdenet.optim.second_order import LBFGS, Broyden
from pdenet.optim.sequences import OPTIMIZERS
from pdenet.optim.soap import SOAP
from pdenet.optim.stopping import Stopping

__all__ = [
    "ENGD",
    "ENGDW",
    "LBFGS",
    "OPTIMIZERS",
    "SOAP",
    "SPRING",
    "Adam",
    "AdamW",
    "Broyden",
    "DampedGaussNewton",
    "FactoredInverse",
    "LevenbergMarquardt",
    "LimitedMemoryInverse",
    "Linearization",
    "Linearize",
    "Muon",
    "NaturalGradient",
    "NonFiniteError",
    "Phase",
    "ProjectedGaussNewton",
    "QuasiNewton",
    "ResidualFunction",
    "Stopping",
    "VariableProjection",
    "Wolfe",
    "notes",
    "objective_changed",
    "stop_reason",
]
