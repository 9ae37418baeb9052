"""Random features and least squares: published tables, and the catalogue's linear problems."""
