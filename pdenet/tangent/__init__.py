"""The Jacobian of residual rows with respect to parameters: J, its products and its Gram matrix."""

from pdenet.tangent.tangent import Tangent

__all__ = ["Tangent"]
