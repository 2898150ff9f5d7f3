"""The encoder inside other people's models: CTGAN and PyTorch."""
