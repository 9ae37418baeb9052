"""What a solution minimizes: energies, Rayleigh quotients, and their integrands.

An energy is a sum of integrals of plain functions of named fields, as residuals are. Nothing here
knows of networks or solvers.
"""

from pdenet.energy.base import Functional
from pdenet.energy.energy import Energy
from pdenet.energy.integrand import Integrand
from pdenet.energy.linearize import columns, curvature, factor, slopes
from pdenet.energy.rayleigh import Rayleigh

__all__ = [
    "Energy",
    "Functional",
    "Integrand",
    "Rayleigh",
    "columns",
    "curvature",
    "factor",
    "slopes",
]
