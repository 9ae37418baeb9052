"""A problem as frozen data: a region, fields, and the conditions that they satisfy."""

from pdenet.problem.parts import Reference, Unknown
from pdenet.problem.problem import Problem

__all__ = ["Problem", "Reference", "Unknown"]
