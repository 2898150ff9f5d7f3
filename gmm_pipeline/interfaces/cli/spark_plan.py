"""What `plan` says of the engine of Spark."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gmm_pipeline.engines.local.partitioning import footprints
from gmm_pipeline.engines.spark.advice import plan_spark
from gmm_pipeline.engines.spark.machines import machines_of
from gmm_pipeline.interfaces.cli.cluster_commands import DEFAULT_FOLDER, FOLDER_VARIABLE
from gmm_pipeline.interfaces.cli.display import amount, duration, print_table, stdout

if TYPE_CHECKING:
    from gmm_pipeline.fits.spec import FitSpec
    from gmm_pipeline.tables.local_table import LocalTable


def spark_passes(spec: FitSpec, table: LocalTable, columns: Sequence[str]) -> dict[str, Any]:
    """Return how Spark passes over some columns of a table, by its files' footers and the cluster's
    machines.
    """
    if not columns:
        return {"name": "spark", "settings": [], "further": {}}
    machines = machines_of(
        spec.spark_config, [Path(os.environ.get(FOLDER_VARIABLE) or DEFAULT_FOLDER)]
    )
    planned = plan_spark(
        table.rows,
        footprints(table.file_metadata(), table.schema, table.rows, columns),
        machines,
        spec.spark_config,
    )
    further = set(spec.spark_config) - {advice.setting for advice in planned.settings}
    return {
        "name": "spark",
        **asdict(planned),
        "further": {name: spec.spark_config[name] for name in sorted(further)},
    }


def print_spark_passes(passes: dict[str, Any]) -> None:
    """Print what `spark_passes` returned."""
    if not passes["settings"]:
        stdout().print("Spark engine: nothing to do.")
        return
    machines, reasons = passes["machines"], passes["reasons"]
    memory = "" if machines["memory"] is None else f" and {amount(machines['memory'])}"
    where = f"{machines['number']} × {machines['cores']} cores{memory}, by {machines['known_by']}"
    rows = [
        [each["setting"], each["value"], "given" if each["given"] else "advised", each["reason"]]
        for each in passes["settings"]
    ]
    rows += [[name, str(value), "given", "as it is"] for name, value in passes["further"].items()]
    print_table(["setting", "value", "", "because"], rows, title=f"Spark engine: {where}")
    expected = [
        ["time", duration(passes["seconds"]), reasons["seconds"]],
        ["memory of an executor", amount(passes["executor_memory"]), reasons["executor_memory"]],
        ["memory of the driver", amount(passes["driver_memory"]), reasons["driver_memory"]],
        ["shuffled", amount(passes["shuffled"]), reasons["shuffled"]],
    ]
    print_table(["expected", "about", "because"], expected)
    stdout().print("`gmm-pipeline bench` with the same options measures the time on your cluster.")
