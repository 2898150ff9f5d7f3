"""Encoding rows as value and rank, decoding them, and comparing the two."""
