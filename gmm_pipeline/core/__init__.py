"""Numbers only: sketch, mixture, fitting, modes, ranks, encoding. NumPy and Numba; no files, no
frameworks.
"""
