"""The Jacobian of residual rows with respect to parameters: J, its products and its Gram matrix."""

from pdenet.tangent.part import Part
from pdenet.tangent.source import RowSource
from pdenet.tangent.tangent import Linearization, Tangent

__all__ = ["Linearization", "Part", "RowSource", "Tangent"]
