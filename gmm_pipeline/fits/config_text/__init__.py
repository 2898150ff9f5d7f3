"""Settings files: TOML and YAML as plain data, checked against a model."""
