"""How accurate the goal problems become with settings of their own."""
