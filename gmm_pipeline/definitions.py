"""The module that Dagster loads, as `workspace.yaml` says: the definitions in `defs`.

They are imported rather than looked for in the folder, because that needs a `pyproject.toml`, which
an installed package does not have.
"""

from gmm_pipeline.defs import datasets

defs = datasets.defs
