"""Solutions to compare with, each with a stated accuracy of its own."""

from pdenet.references.base import Reference
from pdenet.references.cavity import lid_driven_cavity_reference
from pdenet.references.cole_hopf import cole_hopf
from pdenet.references.darcy import DarcyOperator
from pdenet.references.data import File, file_reference
from pdenet.references.elliptic import elliptic_reference
from pdenet.references.evolution import (
    OdeOperator,
    PeriodicOperator,
    ReactionDiffusionOperator,
)
from pdenet.references.exact import Exact
from pdenet.references.finite_elements import FiniteElements
from pdenet.references.hyperelastic import hyperelastic_beam_reference
from pdenet.references.operators import ExactOperator, GridOperator, OperatorReference
from pdenet.references.periodic import (
    allen_cahn_reference,
    korteweg_de_vries_reference,
    kuramoto_sivashinsky_reference,
    schrodinger_reference,
)
from pdenet.references.spectral import Spectral, spectral_reference

__all__ = [
    "DarcyOperator",
    "Exact",
    "ExactOperator",
    "File",
    "FiniteElements",
    "GridOperator",
    "OdeOperator",
    "OperatorReference",
    "PeriodicOperator",
    "ReactionDiffusionOperator",
    "Reference",
    "Spectral",
    "allen_cahn_reference",
    "cole_hopf",
    "elliptic_reference",
    "file_reference",
    "hyperelastic_beam_reference",
    "korteweg_de_vries_reference",
    "kuramoto_sivashinsky_reference",
    "lid_driven_cavity_reference",
    "schrodinger_reference",
    "spectral_reference",
]
