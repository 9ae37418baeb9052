"""Solutions to compare with, each with a stated accuracy of its own."""

from .base import Reference
from .cole_hopf import cole_hopf
from .exact import Exact

__all__ = ["Exact", "Reference", "cole_hopf"]
