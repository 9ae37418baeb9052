"""Neural solvers for partial differential equations.

The top call's arguments are the packages::

    solution = pdenet.solve(problem, solver, network, sampler, optimizer, callbacks)
"""

from pdenet.conditions import (
    Condition,
    Data,
    Dirichlet,
    Initial,
    Integral,
    Interface,
    Neumann,
    OperatorData,
    Periodic,
    Robin,
)
from pdenet.energy import Energy, Integrand, Rayleigh
from pdenet.problem import Problem, Unknown
from pdenet.record import Record
from pdenet.run import apply, load, resume, solve
from pdenet.solution import Solution
from pdenet.solvers import PINN, DeepRitz

__all__ = [
    "PINN",
    "Condition",
    "Data",
    "DeepRitz",
    "Dirichlet",
    "Energy",
    "Initial",
    "Integral",
    "Integrand",
    "Interface",
    "Neumann",
    "OperatorData",
    "Periodic",
    "Problem",
    "Rayleigh",
    "Record",
    "Robin",
    "Solution",
    "Unknown",
    "apply",
    "load",
    "resume",
    "solve",
]
