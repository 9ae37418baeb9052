"""Cost of J, its Gram matrices and products, against a training step and other ways to get J."""
