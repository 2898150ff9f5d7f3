"""How people use it: the Python API and the command line."""
