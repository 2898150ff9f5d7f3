"""`plan`: what a run would do. Nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from gmm_pipeline.arrow.parquet import ROWS_PER_GROUP, ROWS_PER_PART
from gmm_pipeline.engines.local.engine import LocalEngine
from gmm_pipeline.engines.local.partitioning import footprints, partition
from gmm_pipeline.errors import PipelineError
from gmm_pipeline.fits.concurrency import Concurrency
from gmm_pipeline.fits.limits import Limits
from gmm_pipeline.fits.plan import ColumnStatus, State
from gmm_pipeline.fits.prepare import FitRequest, prepare
from gmm_pipeline.fits.preview import preview
from gmm_pipeline.fits.spec import FitSpec
from gmm_pipeline.fits.stages import MODEL, STAGES
from gmm_pipeline.interfaces.cli.csv_report import csv_entry, print_csv
from gmm_pipeline.interfaces.cli.display import amount, print_json, print_table, stdout
from gmm_pipeline.interfaces.cli.lost_columns import lost_columns, print_lost_columns
from gmm_pipeline.interfaces.cli.options import (
    json_option,
    limit_options,
    request_options,
    store_option,
)
from gmm_pipeline.interfaces.cli.progress import count_in_bar
from gmm_pipeline.interfaces.cli.spark_plan import print_spark_passes, spark_passes
from gmm_pipeline.tables.local_table import LocalTable

_ENCODED_BYTES = 5
"""Bytes of an encoded row of a column with Gaussian modes: a float32 value and a uint8 rank."""


@click.command()
@request_options
@limit_options
@store_option
@json_option
def plan(request: FitRequest, limits: Limits, store: Path, *, as_json: bool) -> None:
    """Say what `run` would do with the same arguments, and why. Nothing is written.

    \b
    Examples:
      gmm-pipeline plan sales.parquet
      gmm-pipeline plan sales.parquet --set amount.max_modes=5
      gmm-pipeline plan sales.parquet --engine spark --spark-config spark.master=spark://HOST:7077
    """
    with TemporaryDirectory() as staging:
        prepared = prepare(request, store, Path(staging)).with_adopted()
        spec, table = prepared.spec, prepared.table
        entries = [
            _plan_entry(status, spec, table)
            for status in count_in_bar(prepared.statuses(), "reading columns")
        ]
        passes = _passes(spec, table, entries, limits)
    if as_json:
        csv = csv_entry(table.csv)
        print_json(
            {
                "fit": spec.name,
                "rows": table.rows,
                "columns": entries,
                "lost": lost_columns(spec, prepared.folder),
                "engine": passes,
                **({} if csv is None else {"csv": csv}),
            }
        )
        return
    title = f"{spec.name}: {table.rows:,} rows, {len(entries)} columns of {request.source}"
    print_table(
        ["column", "type", "kind", "reason", "to do", "why"],
        [_plan_row(entry) for entry in entries],
        title=title,
    )
    print_lost_columns(spec, prepared.folder)
    if table.csv is not None:
        print_csv(table.csv)
    (print_spark_passes if spec.engine == "spark" else _print_passes)(passes)


def _plan_entry(status: ColumnStatus, spec: FitSpec, table: LocalTable) -> dict[str, Any]:
    """Return what a run would do for a column. Rows are read only if the kind is not known yet."""
    entry: dict[str, Any] = {
        "column": status.column,
        "type": str(table.schema.field(status.column).type),
    }
    model = status.of(MODEL)
    try:
        if model.state is State.DONE and model.manifest is not None:
            kind, reason = model.manifest.summary["kind"], model.manifest.summary["reason"]
        else:
            column, settings = table.column(status.column), spec.settings.of(status.column)
            previewed = preview(column, settings, LocalEngine())
            kind, reason = previewed.kind, previewed.reason
    except PipelineError as error:
        rows = f" ({error.rows:,} rows)" if error.rows else ""
        why = f"{error.problem}{rows}. {error.remedy or ''}"
        return {**entry, "kind": None, "reason": None, "to_do": [], "why": why}
    first = next((stage for stage in status.stages if stage.state is not State.DONE), None)
    return {
        **entry,
        "kind": kind,
        "reason": reason,
        "to_do": [stage.name for stage in status.to_do],
        "why": "up to date"
        if first is None
        else f"{first.stage.name} {first.state.value}: {first.reason}",
    }


def _passes(
    spec: FitSpec, table: LocalTable, entries: Sequence[dict[str, Any]], limits: Limits
) -> dict[str, Any]:
    """Return how the engine would process the columns that have something to do."""
    to_do = {entry["column"]: entry["kind"] for entry in entries if entry["to_do"]}
    kinds = {column: kind for column, kind in to_do.items() if kind}
    if spec.engine == "spark":
        return spark_passes(spec, table, list(kinds))
    concurrency = Concurrency.of(spec, limits.threads, limits.memory)
    return _here(table, kinds, limits.cores, concurrency, concurrency.over(len(to_do)))


def _here(
    table: LocalTable, kinds: dict[str, str], cores: int, most: Concurrency, together: Concurrency
) -> dict[str, Any]:
    """Return how the local engine would process columns, by the footers of the files.

    Each column gets the memory that it would get in a run over all columns of the fit.
    """
    found = footprints(table.file_metadata(), table.schema, table.rows, list(kinds))
    passes = [
        partition(
            column.row_bytes,
            table.rows,
            cores,
            most.memory_of_a_column,
            chunk_bytes=column.chunk_bytes,
        )
        for column in found.values()
    ]
    encoded = sum(
        table.rows * (1 if kind == "categorical" else _ENCODED_BYTES) for kind in kinds.values()
    )
    return {
        "name": "local",
        "columns_at_once": together.columns,
        "threads": min((each.threads for each in passes), default=cores),
        "rows_per_batch": min((each.batch_rows for each in passes), default=ROWS_PER_GROUP),
        "rows_per_group": ROWS_PER_GROUP,
        "rows_per_part": ROWS_PER_PART,
        "memory_limit": most.memory,
        "peak_memory": together.peak_memory([each.peak_memory for each in passes]) if passes else 0,
        "disk": sum(column.file_bytes for column in found.values()) + encoded,
    }


def _print_passes(passes: dict[str, Any]) -> None:
    threads = f"{passes['threads']} thread" + ("s" if passes["threads"] > 1 else "")
    together = passes["columns_at_once"]
    columns = f"{together} columns at once" if together > 1 else "one column at a time"
    stdout().print(
        f"Local engine: {columns}, with {threads} each, in batches of "
        f"{passes['rows_per_batch']:,} rows. Results are stored in row groups of "
        f"{passes['rows_per_group']:,} rows and files of {passes['rows_per_part']:,} rows.\n"
        f"Memory: about {amount(passes['peak_memory'])}, within the limit of "
        f"{amount(passes['memory_limit'])} (--memory). "
        f"Disk: about {amount(passes['disk'])} of results. "
        "`gmm-pipeline bench` measures both, and the time.",
        markup=False,
    )


def _plan_row(entry: dict[str, Any]) -> list[str]:
    stages = "all stages" if len(entry["to_do"]) == len(STAGES) else ", ".join(entry["to_do"])
    to_do = "will fail" if entry["kind"] is None else stages or "nothing"
    return [
        entry["column"],
        entry["type"],
        entry["kind"] or "–",
        entry["reason"] or "–",
        to_do,
        entry["why"],
    ]
