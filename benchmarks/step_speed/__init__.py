"""Seconds of one training step: loss, gradient, update. Ours against other packages, in one run."""
