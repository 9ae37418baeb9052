"""Solutions to compare with, each with a stated accuracy of its own."""

from .base import Reference
from .cavity import lid_driven_cavity_reference
from .cole_hopf import cole_hopf
from .data import File, file_reference
from .elliptic import elliptic_reference
from .exact import Exact
from .finite_elements import FiniteElements
from .periodic import (
    allen_cahn_reference,
    korteweg_de_vries_reference,
    kuramoto_sivashinsky_reference,
    schrodinger_reference,
)
from .spectral import Spectral, spectral_reference

__all__ = [
    "Exact",
    "File",
    "FiniteElements",
    "Reference",
    "Spectral",
    "allen_cahn_reference",
    "cole_hopf",
    "elliptic_reference",
    "file_reference",
    "korteweg_de_vries_reference",
    "kuramoto_sivashinsky_reference",
    "lid_driven_cavity_reference",
    "schrodinger_reference",
    "spectral_reference",
]
