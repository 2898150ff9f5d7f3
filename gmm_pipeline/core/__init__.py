"""The numeric core: sketches, mixtures, modes and coding. NumPy and Numba only; no files."""
