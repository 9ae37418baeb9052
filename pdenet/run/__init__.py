"""Trains and measures: the one way that command line, scripts and benchmarks take."""

from pdenet.run.apply import apply
from pdenet.run.solve import load, resume, solve

__all__ = ["apply", "load", "resume", "solve"]
