"""Solvers: LightningModules that train a network on a problem."""

from pdenet.solvers.base import Solver
from pdenet.solvers.correction import Correction, plain_residuals
from pdenet.solvers.deep_ritz import DeepRitz
from pdenet.solvers.deeponet import OperatorSolver
from pdenet.solvers.least_squares import LeastSquares
from pdenet.solvers.pinn import PINN
from pdenet.solvers.progress import Progress

SOLVERS = {
    "pinn": PINN,
    "deep-ritz": DeepRitz,
    "deeponet": OperatorSolver,
    "least-squares": LeastSquares,
}

__all__ = [
    "PINN",
    "SOLVERS",
    "Correction",
    "DeepRitz",
    "LeastSquares",
    "OperatorSolver",
    "Progress",
    "Solver",
    "plain_residuals",
]
