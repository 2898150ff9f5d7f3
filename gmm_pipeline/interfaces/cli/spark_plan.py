"""What `plan` says about the Spark engine: how the table's rows and columns size the job."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gmm_pipeline.arrow.parquet import ROWS_PER_PART
from gmm_pipeline.engines.local.partitioning import footprints, partition
from gmm_pipeline.engines.parts import ROWS_PER_TASK
from gmm_pipeline.engines.spark.tasks import MERGED_AT_ONCE, MOST_TASKS
from gmm_pipeline.errors import SettingsError
from gmm_pipeline.interfaces.cli.display import amount, duration, print_table, stdout

if TYPE_CHECKING:
    from gmm_pipeline.fits.spec import FitSpec
    from gmm_pipeline.tables.local_table import LocalTable

CORE_SECONDS_PER_ROW = 270e-9
"""Of all stages of a column: `benchmarks/spark.py`, 200 million rows and one worker."""
SKETCH_BYTES = 250_000
"""Of the sketch that a task returns for a column of many numbers: "shuffled" in docs/spark.md."""


def spark_passes(spec: FitSpec, table: LocalTable, columns: Sequence[str]) -> dict[str, Any]:
    """Return how Spark passes over some columns of a table, from the footers of its files.

    Only what depends on the table is here; docs/spark.md has the rest.
    """
    if not columns:
        return {"name": "spark", "columns": 0}
    most_tasks = _most_tasks(spec)
    writing, counting = (
        min(-(-table.rows // size), most_tasks) for size in (ROWS_PER_PART, ROWS_PER_TASK)
    )
    memory = {
        name: partition(
            column.row_bytes, table.rows, 1, sys.maxsize, chunk_bytes=column.chunk_bytes
        ).peak_memory
        for name, column in footprints(
            table.file_metadata(), table.schema, table.rows, columns
        ).items()
    }
    widest = max(memory, key=lambda name: memory[name])
    return {
        "name": "spark",
        "columns": len(columns),
        "tasks_to_write": writing,
        "tasks_to_count": counting,
        "core_seconds": len(columns) * table.rows * CORE_SECONDS_PER_ROW,
        "memory_per_core": memory[widest],
        "widest_column": widest,
        "shuffled": counting * SKETCH_BYTES if counting > MERGED_AT_ONCE else 0,
    }


def print_spark_passes(passes: dict[str, Any]) -> None:
    """Print what `spark_passes` returned."""
    if not passes["columns"]:
        stdout().print("Spark engine: nothing to do.")
        return
    columns, nanoseconds = passes["columns"], f"{CORE_SECONDS_PER_ROW * 1e9:.0f} ns"
    merging = "sketches of a column, merged by tasks" if passes["shuffled"] else "few sketches"
    rows = [
        [
            "cores at work",
            f"{passes['tasks_to_write']:,}",
            f"tasks that write: a column has parts of {ROWS_PER_PART:,} rows; more cores wait",
        ],
        [
            "core time",
            duration(passes["core_seconds"]),
            f"{columns} × {nanoseconds} a row, divided among them; the driver adds 3 s a column",
        ],
        [
            "spark.executor.memoryOverhead",
            f"{amount(passes['memory_per_core'])} a core",
            f"a task holds a row group of {passes['widest_column']!r}, the widest column",
        ],
        ["shuffled", amount(passes["shuffled"]), merging],
    ]
    print_table(["Spark engine", "about", "because"], rows)
    stdout().print(
        "docs/spark.md has the other settings, which do not depend on the table. "
        "`gmm-pipeline bench` with the same options measures the time on your cluster."
    )


def _most_tasks(spec: FitSpec) -> int:
    value = spec.spark_config.get("spark.default.parallelism", MOST_TASKS)
    if not str(value).isdecimal() or not int(value):
        raise SettingsError(
            f"spark.default.parallelism = {value!r} is not a whole number above 0",
            remedy="Correct it, or leave it out",
        )
    return int(value)
