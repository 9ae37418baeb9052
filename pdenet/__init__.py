"""Neural solvers for partial differential equations."""
