"""Balances: how much each condition, and each of its points, counts in the loss."""

from pdenet.balancing.attention import ResidualAttention
from pdenet.balancing.base import Balance, GradientNorms
from pdenet.balancing.causal import Causal
from pdenet.balancing.gradient_norm import GradientNorm
from pdenet.balancing.ntk import NTK
from pdenet.balancing.product import Product
from pdenet.balancing.relobralo import ReLoBRaLo
from pdenet.balancing.static import Static

BALANCES: dict[str, type[Balance]] = {
    "static": Static,
    "gradient-norm": GradientNorm,
    "ntk": NTK,
    "relobralo": ReLoBRaLo,
    "residual-attention": ResidualAttention,
    "causal": Causal,
}
"""Name on the command line -> class whose keywords are its options."""

__all__ = [
    "BALANCES",
    "NTK",
    "Balance",
    "Causal",
    "GradientNorm",
    "GradientNorms",
    "Product",
    "ReLoBRaLo",
    "ResidualAttention",
    "Static",
]
