"""Spaces of functions that operators are learned on: draws are seeded, and defined everywhere."""

from pdenet.functions.base import TEST_SEED, Draws, Expansion, Functions, FunctionSpace, Mapped
from pdenet.functions.ensemble import Ensemble, permuted
from pdenet.functions.fields import GaussianField, WaveField
from pdenet.functions.files import read_arrays
from pdenet.functions.given import AtSensors, Formulas
from pdenet.functions.inputs import InputFunction
from pdenet.functions.interpolation import interpolate
from pdenet.functions.kernels import RBF, Kernel, Matern
from pdenet.functions.likeness import unlikeness
from pdenet.functions.nodes import Nodes, Tabulated
from pdenet.functions.reading import read_functions
from pdenet.functions.samples import Samples
from pdenet.functions.series import ChebyshevSeries, Polynomials, PowerSeries

__all__ = [
    "RBF",
    "TEST_SEED",
    "AtSensors",
    "ChebyshevSeries",
    "Draws",
    "Ensemble",
    "Expansion",
    "Formulas",
    "FunctionSpace",
    "Functions",
    "GaussianField",
    "InputFunction",
    "Kernel",
    "Mapped",
    "Matern",
    "Nodes",
    "Polynomials",
    "PowerSeries",
    "Samples",
    "Tabulated",
    "WaveField",
    "interpolate",
    "permuted",
    "read_arrays",
    "read_functions",
    "unlikeness",
]
