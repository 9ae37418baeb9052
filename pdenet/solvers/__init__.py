"""Solvers: LightningModules that train a network on a problem."""

from pdenet.solvers.base import Progress, Solver
from pdenet.solvers.pinn import PINN

SOLVERS = {"pinn": PINN}

__all__ = ["PINN", "SOLVERS", "Progress", "Solver"]
