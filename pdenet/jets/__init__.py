"""Partial derivatives of networks in one forward sweep, and fields to write equations in."""

from pdenet.jets.demand import Demand, discover, flatten
from pdenet.jets.field import Field, Vector
from pdenet.jets.jet import Jet, propagate
from pdenet.jets.layout import Layout
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

__all__ = [
    "Demand",
    "Field",
    "Jet",
    "Layout",
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
