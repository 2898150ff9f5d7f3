"""One-dimensional Gaussian mixtures, and how they are fitted to weighted points."""
