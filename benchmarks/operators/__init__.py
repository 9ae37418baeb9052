"""Operator learning against DeepXDE, in one run."""
