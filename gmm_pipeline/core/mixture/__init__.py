"""One-dimensional Gaussian mixtures, fitted to weighted points."""
