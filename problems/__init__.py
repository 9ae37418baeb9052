"""The catalogue of problems: one file a problem or a family, one function that builds each."""
