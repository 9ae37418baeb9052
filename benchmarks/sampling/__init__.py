"""Samplers against each other: same network, same number of points, same CPU time."""
