"""Configuration files as text: TOML and YAML read with the line of each key, and mistakes told by
it.
"""
