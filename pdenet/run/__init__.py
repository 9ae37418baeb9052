"""Trains and measures: the one way that command line, scripts and benchmarks take."""

from pdenet.run.solve import load, resume, solve

__all__ = ["load", "resume", "solve"]
