"""Error against seconds: scikit-fem's elements P1 to P4, and networks."""
