"""The modes of a column: Gaussian components, atoms and tails, and their ranks."""
