"""The encoder in models of other projects: CTGAN, TVAE, and models in PyTorch."""
