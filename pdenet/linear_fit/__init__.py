"""Least squares of the last layer: networks are linear in it, and so are linear problems."""

from pdenet.linear_fit.continuity import Continuity, continuity, orders, points_on_face
from pdenet.linear_fit.dense import CUT, MAX_BYTES, Solution, TallFactor, most_columns
from pdenet.linear_fit.fronts import Fronts
from pdenet.linear_fit.last_layer import coefficients, last_layer, only_trained
from pdenet.linear_fit.newton import FitReport, LastLayerFit, fit_last_layer
from pdenet.linear_fit.projection import take_over
from pdenet.linear_fit.rows import ScaledRows, row_maker
from pdenet.linear_fit.sources import Sources, flattened, set_flat
from pdenet.linear_fit.start import LeastSquaresStart
from pdenet.linear_fit.superposition import is_linear, zero_solves

__all__ = [
    "CUT",
    "MAX_BYTES",
    "Continuity",
    "FitReport",
    "Fronts",
    "LastLayerFit",
    "LeastSquaresStart",
    "ScaledRows",
    "Solution",
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
    "points_on_face",
    "row_maker",
    "set_flat",
    "take_over",
    "zero_solves",
]
