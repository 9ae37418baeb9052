"""Least squares of the last layer: networks are linear in it, and so are linear problems."""

from pdenet.linear_fit.continuity import Continuity, continuity, orders
from pdenet.linear_fit.dense import CUT, MAX_BYTES, DenseSolution, TallFactor, most_columns
from pdenet.linear_fit.last_layer import coefficients, last_layer, only_trained
from pdenet.linear_fit.newton import FitReport, LastLayerFit, fit_last_layer
from pdenet.linear_fit.projection import take_over
from pdenet.linear_fit.rows import ScaledRows, Sources, flattened, row_maker, set_flat
from pdenet.linear_fit.start import LeastSquaresStart
from pdenet.linear_fit.superposition import is_linear, zero_solves

__all__ = [
    "CUT",
    "MAX_BYTES",
    "Continuity",
    "DenseSolution",
    "FitReport",
    "LastLayerFit",
    "LeastSquaresStart",
    "ScaledRows",
    "Sources",
    "TallFactor",
    "coefficients",
    "continuity",
    "fit_last_layer",
    "flattened",
    "is_linear",
    "last_layer",
    "most_columns",
    "only_trained",
    "orders",
    "row_maker",
    "set_flat",
    "take_over",
    "zero_solves",
]
