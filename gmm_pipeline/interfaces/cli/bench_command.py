"""The command `bench`."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from gmm_pipeline.arrow.parquet import ROWS_PER_PART
from gmm_pipeline.engines.local.machine import peak_memory, reset_peak_memory
from gmm_pipeline.errors import SourceError
from gmm_pipeline.fits.concurrency import Concurrency
from gmm_pipeline.fits.limits import Limits
from gmm_pipeline.fits.prepare import FitRequest, prepare
from gmm_pipeline.fits.sample_run import SampleRun, run_sample, spread_columns
from gmm_pipeline.fits.stages import STAGES
from gmm_pipeline.interfaces.cli.display import (
    amount,
    duration,
    print_json,
    print_table,
    stderr,
    stdout,
)
from gmm_pipeline.interfaces.cli.options import (
    json_option,
    limit_options,
    request_options,
    store_option,
)
from gmm_pipeline.interfaces.cli.table_output import open_engine

START_SECONDS = 5.5
"""Of a run besides its columns: Python, Dagster, its instance, kernels. Measured on 2 cores, as a
run of two columns less their stages."""
COLUMN_SECONDS = 0.15
"""Of a run for each column besides its stages: Dagster's events, checks, pictures. Measured on 2
cores as 0.1 to 0.23 (`benchmarks/overhead.py`)."""
_COLUMNS = 4
"""Columns of the sample: one each of the types that tables mostly have."""


@click.command()
@request_options
@limit_options
@store_option
@json_option
@click.option(
    "--sample-columns",
    type=click.IntRange(min=1),
    default=_COLUMNS,
    show_default=True,
    help="Columns to measure, spread over the types; the others are taken to be like these.",
)
def bench(
    request: FitRequest, limits: Limits, store: Path, sample_columns: int, *, as_json: bool
) -> None:
    """Estimate time, memory and disk of `run` with the same arguments.

    A sample of the rows of some columns goes through all stages, in a folder beside the store that
    is removed again, and is scaled to all rows and columns. The store is neither used nor changed.
    CSV is converted to Parquet as a whole, as `run` does.

    \b
    Examples:
      gmm-pipeline bench sales.parquet
      gmm-pipeline bench 'sales/*.parquet' --columns 'amount,price_*' --json
      gmm-pipeline bench sales.parquet --sample-columns 12 --set method=dpgmm
    """
    started = time.perf_counter()
    stderr().print(f"Running a sample of {request.source} …", markup=False)
    threads = limits.threads or os.cpu_count() or 1
    beside = next(folder for folder in store.absolute().parents if folder.is_dir())
    with TemporaryDirectory(prefix=".gmm_bench_", dir=beside) as temporary:
        folder = Path(temporary)
        prepared = prepare(request, store, folder / "source")
        spec, table = prepared.spec, prepared.table
        concurrency = Concurrency.of(spec, threads, limits.memory)
        columns = spread_columns(table, spec.columns, sample_columns)
        reset_peak_memory()
        of_a_column = concurrency.memory_of_a_column
        with open_engine(request.engine, threads, of_a_column) as row_engine:
            start = START_SECONDS + time.perf_counter() - started
            run = run_sample(spec, table, columns, threads * ROWS_PER_PART, folder, row_engine)
        peak, free = peak_memory(), shutil.disk_usage(folder).free
    for column, message in run.failures.items():
        stderr().print(f"failed: {column!r}: {message}", markup=False)
    if not run.columns:
        raise SourceError(
            "no column of the sample could be encoded", remedy="See above, or take other --columns"
        )
    stages = stages_of(run, len(spec.columns), concurrency.columns, threads)
    process_peak = (
        None if peak is None else max(peak, concurrency.peak_memory([peak] * concurrency.columns))
    )
    estimate = {
        "fit": spec.name,
        "rows": table.rows,
        "columns": len(spec.columns),
        "sample": {"rows": run.rows, "columns": list(run.columns), "failed": dict(run.failures)},
        "seconds": start + sum(stage["seconds"] for stage in stages),
        "start_seconds": start,
        "peak_memory": process_peak,
        "disk": {"bytes": sum(stage["bytes"] for stage in stages), "free": free},
        "stages": stages,
        "column_seconds": {
            column: sum(cost.seconds for cost in costs.values())
            for column, costs in run.columns.items()
        },
        "took_seconds": time.perf_counter() - started,
    }
    if as_json:
        print_json(estimate)
    else:
        _print(request.source, estimate)


def stages_of(run: SampleRun, columns: int, at_once: int, threads: int) -> list[dict[str, Any]]:
    """Return seconds and bytes of each stage, of all columns, several of them concurrently.

    Concurrent columns take as long as each of the `at_once` does with its share, but no less than
    their work keeps all cores busy.
    """
    costs = [cost for of_column in run.columns.values() for cost in of_column.values()]
    alone, busy = (sum(cost.seconds for cost in costs), sum(cost.core_seconds for cost in costs))
    share = columns / len(run.columns)
    together = share * min(max(1 / at_once, busy / threads / alone), 1.0)
    stages = [
        {
            "stage": stage.name,
            "seconds": together * sum(each[stage.name].seconds for each in run.columns.values()),
            "bytes": round(share * sum(each[stage.name].size for each in run.columns.values())),
        }
        for stage in STAGES
    ]
    around = {"stage": "around them", "seconds": columns * COLUMN_SECONDS}
    return [*stages, {**around, "bytes": 0}]


def _print(source: str, estimate: dict[str, Any]) -> None:
    sample, disk, seconds = estimate["sample"], estimate["disk"], estimate["seconds"]
    console = stdout()
    console.print(
        f"{source}: {estimate['rows']:,} rows, {estimate['columns']:,} columns; from "
        f"{sample['rows']:,} rows of {len(sample['columns'])} columns, in "
        f"{estimate['took_seconds']:.1f} s",
        markup=False,
    )
    start = {
        "stage": "start",
        "sample_seconds": 0.0,
        "seconds": estimate["start_seconds"],
        "bytes": 0,
    }
    rows = [
        [
            stage["stage"],
            duration(stage["seconds"]),
            f"{100 * stage['seconds'] / seconds:.0f} %",
            amount(stage["bytes"]),
        ]
        for stage in [*estimate["stages"], start]
    ]
    rows.append(["the whole job", duration(seconds), "", amount(disk["bytes"])])
    print_table(["stage", "time", "share", "written"], rows)
    peak = estimate["peak_memory"]
    memory = "" if peak is None else f"Memory: {amount(peak)}, for any number of rows. "
    fits = "" if disk["bytes"] < disk["free"] else " That does not fit!"
    console.print(f"{memory}Disk: {amount(disk['bytes'])} of {amount(disk['free'])} free.{fits}")
    slowest = sorted(estimate["column_seconds"].items(), key=lambda item: -item[1])
    each = ", ".join(f"{name} {duration(seconds)}" for name, seconds in slowest)
    console.print(f"Columns: {each}", markup=False)
