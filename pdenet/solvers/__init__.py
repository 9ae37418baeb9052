"""Solvers: LightningModules that train a network on a problem."""

from pdenet.solvers.base import Solver
from pdenet.solvers.pinn import PINN
from pdenet.solvers.progress import Progress

SOLVERS = {"pinn": PINN}

__all__ = ["PINN", "SOLVERS", "Progress", "Solver"]
