"""Partial derivatives of networks in one forward sweep, and fields to write equations in."""

from pdenet.jets.demand import Demand, discover, flatten
from pdenet.jets.field import Field
from pdenet.jets.jet import Jet
from pdenet.jets.layout import Layout
from pdenet.jets.nested import SlowDerivativeWarning
from pdenet.jets.operators import (
    biharmonic,
    curl,
    div,
    dot,
    grad,
    hessian,
    laplacian,
    norm,
    normal_derivative,
)
from pdenet.jets.propagate import propagate
from pdenet.jets.vector import Vector

__all__ = [
    "Demand",
    "Field",
    "Jet",
    "Layout",
    "SlowDerivativeWarning",
    "Vector",
    "biharmonic",
    "curl",
    "discover",
    "div",
    "dot",
    "flatten",
    "grad",
    "hessian",
    "laplacian",
    "norm",
    "normal_derivative",
    "propagate",
]
