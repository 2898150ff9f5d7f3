"""What users call: the command line, the Python class and the report."""
