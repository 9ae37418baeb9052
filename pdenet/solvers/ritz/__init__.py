"""Parts of the Deep Ritz method: essential conditions, obstacles, states, rows, and accuracy."""
