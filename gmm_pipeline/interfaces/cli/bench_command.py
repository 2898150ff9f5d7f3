"""`bench`."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from gmm_pipeline.errors import SourceError
from gmm_pipeline.fits.settings import EngineName
from gmm_pipeline.fits.source_ledger import current_ledger
from gmm_pipeline.fits.spec import default_fit_name
from gmm_pipeline.interfaces.cli.display import (
    amount,
    duration,
    print_json,
    print_table,
    stderr,
    stdout,
)
from gmm_pipeline.interfaces.cli.options import memory_option, source_options, threads_option
from gmm_pipeline.interfaces.cli.specs import given_spec, on_engine
from gmm_pipeline.store.store import Store
from gmm_pipeline.tables.open_table import open_batches

if TYPE_CHECKING:
    from gmm_pipeline.fits.projection import Projection
    from gmm_pipeline.orchestration.sample_run import SampleRun

_COLUMNS = 4


@click.command()
@source_options
@threads_option
@memory_option
@click.option(
    "--sample-columns",
    type=click.IntRange(min=1),
    default=_COLUMNS,
    show_default=True,
    help="Columns that are measured; the others are taken to be like these.",
)
def bench(
    source: str,
    fit: str | None,
    patterns: str,
    engine: EngineName,
    spark_config: tuple[str, ...],
    assignments: tuple[str, ...],
    config: Path | None,
    csv_nulls: tuple[str, ...],
    store: Path,
    threads: int,
    memory: int,
    sample_columns: int,
    *,
    as_json: bool,
) -> None:
    """Say what `run` would take here: time, memory and disk, and where the time goes.

    A sample of the rows of some columns really goes through all stages, in a folder beside the
    store that is removed again, and is projected to all rows and columns. What is in the store is
    neither used nor changed. CSV is turned into Parquet as a whole, as `run` would.

    \b
    Examples:
      gmm-pipeline bench sales.parquet
      gmm-pipeline bench 'sales/*.parquet' --columns 'amount,price_*' --json
      gmm-pipeline bench sales.parquet --sample-columns 12 --set method=dpgmm
    """
    started = time.perf_counter()
    stderr().print(f"Running a sample of {source} …", markup=False)
    name = fit or default_fit_name(source)
    with TemporaryDirectory(prefix=".gmm_bench_", dir=_disk_of(store)) as temporary:
        folder = Path(temporary)
        ledger = current_ledger(source, Store(store).fit(name), accept=lambda _: True)
        converting = time.perf_counter()
        table = open_batches(source, ledger.source_files, folder / "source", csv_nulls=csv_nulls)
        converted = time.perf_counter() - converting
        spec = given_spec(name, source, table, patterns, csv_nulls, config, assignments)
        spec = on_engine(spec, engine, spark_config)
        from gmm_pipeline.orchestration.sample_run import run_sample

        run = run_sample(spec, table, sample_columns, folder, threads=threads, memory=memory)
        free = shutil.disk_usage(folder).free
    for column, message in run.failures.items():
        stderr().print(
            f"failed: {message if repr(column) in message else f'{column!r}: {message}'}",
            markup=False,
        )
    if run.projection is None:
        raise SourceError(
            "no column of the sample could be encoded", remedy="See above, or take other --columns"
        )
    found = {
        "fit": name,
        "rows": table.rows,
        "columns": len(spec.columns),
        "sample": {
            "rows": run.rows,
            "columns": list(run.projection.columns),
            "failed": dict(run.failures),
        },
        "seconds": run.projection.seconds + converted,
        "start_seconds": run.projection.start + converted,
        "peak_memory": run.peak_memory,
        "disk": {
            "bytes": run.projection.size,
            "free": free,
            "write_bytes_per_second": run.write_speed,
        },
        "stages": _stages(run, run.projection),
        "column_seconds": dict(run.projection.columns),
        "took_seconds": time.perf_counter() - started,
    }
    if as_json:
        print_json(found)
    else:
        _print(source, found)


def _disk_of(store: Path) -> Path:
    """Return the folder beside the store, or the nearest above it that there is."""
    return next(folder for folder in store.absolute().parents if folder.is_dir())


def _stages(run: SampleRun, projection: Projection) -> list[dict[str, Any]]:
    measured = {
        name: sum(cost.stages[name].seconds for cost in run.costs) for name in projection.stages
    }
    stages = [
        {
            "stage": name,
            "sample_seconds": measured[name],
            "seconds": cost.seconds,
            "share": cost.seconds / projection.seconds,
            "bytes": cost.size,
        }
        for name, cost in projection.stages.items()
    ]
    share = projection.around / projection.seconds
    run_by_run = {
        "stage": "around them",
        "sample_seconds": run.around,
        "seconds": projection.around,
        "share": share,
    }
    return [*stages, {**run_by_run, "bytes": 0}]


def _print(source: str, found: dict[str, Any]) -> None:
    sample, disk = found["sample"], found["disk"]
    title = f"{source}: {found['rows']:,} rows, {found['columns']:,} columns; by {sample['rows']:,} rows of "
    rows = [
        [
            stage["stage"],
            f"{stage['sample_seconds']:.2f} s",
            duration(stage["seconds"]),
            f"{100 * stage['share']:.0f} %",
            amount(stage["bytes"]),
        ]
        for stage in found["stages"]
    ]
    rows.append(
        [
            "start",
            "",
            duration(found["start_seconds"]),
            f"{100 * found['start_seconds'] / found['seconds']:.0f} %",
            "",
        ]
    )
    rows.append(["the whole job", "", duration(found["seconds"]), "", amount(disk["bytes"])])
    columns = f"{len(sample['columns'])} columns, in {found['took_seconds']:.1f} s"
    console = stdout()
    console.print(title + columns, markup=False)
    print_table(["stage", "sample", "whole job", "share", "written"], rows)
    memory = (
        ""
        if found["peak_memory"] is None
        else f"Memory: {amount(found['peak_memory'])}, whatever the rows. "
    )
    fits = "" if disk["bytes"] < disk["free"] else " That does not fit!"
    speed = f"it takes {amount(disk['write_bytes_per_second'])} a second"
    console.print(
        f"{memory}Disk: {amount(disk['bytes'])} of {amount(disk['free'])} that are free; {speed}.{fits}"
    )
    if len(found["column_seconds"]) > 1:
        slowest = sorted(found["column_seconds"].items(), key=lambda item: -item[1])
        console.print(
            "Columns: " + ", ".join(f"{name} {duration(seconds)}" for name, seconds in slowest),
            markup=False,
        )
