"""The same problems by residuals and by energies."""
