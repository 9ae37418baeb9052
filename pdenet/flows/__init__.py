"""Normalizing flows on the unit cube: densities that can be evaluated, drawn from and trained."""

from pdenet.flows.base import Flow
from pdenet.flows.bounded import BoundedKRnet
from pdenet.flows.krnet import KRnet

FLOWS: dict[str, type[Flow]] = {"bounded-krnet": BoundedKRnet, "krnet": KRnet}
"""Name on the command line -> class whose keywords are its options."""

__all__ = ["FLOWS", "BoundedKRnet", "Flow", "KRnet"]
