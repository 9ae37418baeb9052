"""Solutions to compare with, each with a stated accuracy of its own."""

from .base import Reference
from .cole_hopf import cole_hopf
from .exact import Exact
from .periodic import (
    allen_cahn_reference,
    korteweg_de_vries_reference,
    kuramoto_sivashinsky_reference,
    schrodinger_reference,
)
from .spectral import Spectral, spectral_reference

__all__ = [
    "Exact",
    "Reference",
    "Spectral",
    "allen_cahn_reference",
    "cole_hopf",
    "korteweg_de_vries_reference",
    "kuramoto_sivashinsky_reference",
    "schrodinger_reference",
    "spectral_reference",
]
