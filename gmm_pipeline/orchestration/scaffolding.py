"""What `dg scaffold defs gmm_pipeline.components.Datasets` writes: a component to be filled in."""

from __future__ import annotations

import os
from pathlib import Path
from string import Template
from typing import Any

import dagster as dg

from gmm_pipeline.orchestration.configuration import DEFAULT_STORE

_COMPONENT = Template("""\
type: $type

attributes:
  # The folder of all results. Relative paths start in the folder of this file.
  store: $store

  # The tables whose columns are encoded, by name. Put yours in place of {}, as in the example
  # below; `dg check yaml` checks them. docs/dagster.md of gmm-pipeline describes every setting.
  datasets: {}

  # datasets:
  #   sales:
  #     source: "{{ env.DATA }}/sales/*.parquet"   # Parquet or CSV: a file, a folder or a glob
  #     description: What was sold, a row for each item.
  #     columns: ["*", "!payload"]       # names or globs; ! leaves out
  #     settings:                        # of all columns
  #       max_modes: 10
  #     column_settings:                 # of single columns
  #       amount: {atoms: [0]}
  #       city: {max_categories: 50}
  #     watch: true                      # new and changed files start runs
  #     schedule: "0 3 * * 1"            # fit all columns again, at 3 each Monday
  #     owners: ["team:retail"]
""")


class DatasetsScaffolder(dg.Scaffolder[Any]):
    """Writes a `defs.yaml` without datasets, with an example in comments."""

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        """Write the component; one in Python as Dagster writes it for any component."""
        if request.scaffold_format != "yaml":
            dg.scaffold_component(request)
            return
        folder = request.target_path.parent if request.append else request.target_path
        text = _COMPONENT.substitute(type=request.type_name, store=_store(folder, request))
        if request.append:
            with request.target_path.open("a", encoding="utf-8") as file:
                file.write(f"---\n{text}")
        else:
            (folder / "defs.yaml").write_text(text, encoding="utf-8")


def _store(folder: Path, request: dg.ScaffoldRequest[Any]) -> str:
    """Return the path from a component to a store in the folder of its project."""
    root = request.project_root or folder
    return Path(os.path.relpath(root / DEFAULT_STORE, folder)).as_posix()
