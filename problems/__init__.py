"""The catalogue of problems: one file a problem, one function that builds it."""
